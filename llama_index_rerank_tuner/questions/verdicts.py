"""From an LLM's answer to a judgement: lenient about form, strict about doubt."""

from __future__ import annotations

import re
import unicodedata

from llama_index_rerank_tuner.questions.prompts import Scale
from llama_index_rerank_tuner.questions.thinking import without_thinking

HIGHEST_GRADE = 3

_LABEL = (
    r"(?:(?:the |my |final )*(?:answer|verdict|judge?ment|relevance|relevant|grade|score|rating)"
    r"|答案|回答|判断|结论|评分|分数|等级|得分|相关性|相关度)"
)
_LEADING_LABEL = re.compile(rf"^{_LABEL}\s*(?:score|is|为|是)?\s*(?:[:：=?]|[-–—(]+(?=\s*(?:yes|no|true|false)\b))?\s*")
_LAST_LABEL = re.compile(rf".*{_LABEL}\s*(?:is|为|:|=)\s*:?\s*(?P<verdict>[^\n]+)\s*$", re.DOTALL)
_RELEVANT_AS_LABEL = re.compile(r"relevant[\"']?\s*(?:[:=?]|[-–—(]+\s*(?:yes|no|true|false)\b)")
_FENCE = re.compile(r"```\w*")
_WRAPPING = "\"'`*_#“”‘’「」{}[]()<> \t\n.。,"
_STOP = r"(?=$|[\s.,;:!?()。，；：！？、\-–—\"'*`}])"
_CHINESE_STOP = r"(?=$|[。，；：、!！,.;:\s])"
_SUBJECT = re.compile(
    r"^(?:the|this) (?:passage|text|document|paragraph) (?:is )?"
    r"|^(?:这个|该|此|这)?(?:段落|文本|段文字)(?:的?内容)?(?:(?:与|和)(?:这个|该|此)?问题(?:是)?)?"
)
"""The words before the verdict in a whole sentence, such as "The passage is not relevant"."""

_DOUBT = re.compile(
    r"(?:yes|no)\s*(?:/|or|and|&)\s*(?:yes|no)\b|是[或/和、]?否|是不是|不确定|不清楚|无法|难以|不知道|不好说"
    r"|不能(?:确定|判断|肯定|确认)|不足以|没有(?:足够|办法|把握|疑问|问题)|\b(?:unsure|uncertain|unknown)\b"
)
_BUT = re.compile(r"\b(?:but|however|although|though|only|whether|if)\b|但|不过|仅|只|是否")
_NO = re.compile(
    rf"(?:no{_STOP}(?!\s*(?:idea|doubt|opinion|way to|information))"
    rf"|(?:nope|false|irrelevant|not (?:(?:at all|directly|really|very) )?relevant){_STOP}"
    r"|否|不是|不(?:太|怎么|直接)?相关|不能|不对|没有|无关|不(?:包含|可以)|不(?=$|[。，、!,.\s]))"
)
_YES = re.compile(
    rf"(?:yes{_STOP}|yep{_STOP}|yeah{_STOP}|true{_STOP}|(?:(?:highly|very|directly) )?relevant{_STOP}"
    rf"|是的|是{_CHINESE_STOP}|(?:高度|非常|直接)?相关(?!性|度|与否)|对的?{_CHINESE_STOP}"
    rf"|(?:能够?|可以)(?:帮助)?(?:回答|{_CHINESE_STOP})|有帮助{_CHINESE_STOP})"
)
_ANSWERS_NOT = re.compile(
    r"does not (?:help|answer|contain)\b|doesn't (?:help|answer|contain)\b|(?:不|没有?|未)(?:包含|回答)"
)
_ANSWERS = re.compile(r"(?:helps|answers|contains (?:the|an) answer)\b|包含(?:了)?(?:问题的)?答案|回答了")
_GRADE = re.compile(
    rf"(?P<grade>\d+)(?:\.0+)?(?:\s*/\s*{HIGHEST_GRADE}| out of {HIGHEST_GRADE}|\s*分)?(?![\d/]|\.\d)(?P<rest>.*)",
    re.DOTALL,
)
_SECOND_GRADE = re.compile(r"^\s*(?:or|to|and|-|–|~|或|到|至|、)\s*\d")


def read_grade(answer: str, scale: Scale) -> float | None:
    """The grade of an answer; None where it cannot be read or is in two minds.

    Args:
        answer: What the LLM said.
        scale: ``yes/no`` for 1 and 0, ``graded`` for 0 to 3.

    Example:
        >>> [read_grade(answer, "yes/no") for answer in ("Yes.", "yes, it names the fee", "是", "不相关", "Well...")]
        [1.0, 1.0, 1.0, 0.0, None]
        >>> [read_grade(answer, "graded") for answer in ("2", "Grade: 3 (clear)", "1分", "7", "2 or 3")]
        [2.0, 3.0, 1.0, None, None]
    """
    read = _yes_or_no if scale == "yes/no" else _digit
    spoken = without_thinking(unicodedata.normalize("NFKC", answer).casefold())
    text = _FENCE.sub("", spoken).strip(_WRAPPING)
    grade = read(_unwrapped(text))
    if grade is None:
        concluded = _LAST_LABEL.search(text)
        grade = read(_unwrapped(concluded["verdict"])) if concluded else None
    return grade


def _unwrapped(text: str) -> str:
    """The text without quotes, emphasis and a label such as ``Answer:`` in front of it."""
    bare = text.strip(_WRAPPING)
    return _LEADING_LABEL.sub("", bare).strip(_WRAPPING + ":=?") if not _verdict_itself(bare) else bare


def _verdict_itself(text: str) -> bool:
    return text.startswith("relevant") and not _RELEVANT_AS_LABEL.match(text)


def _yes_or_no(text: str) -> float | None:
    opening = re.split(r"[\n.。;；]", text, maxsplit=1)[0]
    if _DOUBT.search(opening):
        return None
    if _NO.match(text):
        return 0.0
    return 1.0 if _YES.match(text) else _of_sentence(opening)


def _of_sentence(opening: str) -> float | None:
    """The verdict of a sentence about the passage; None for one that takes back half of what it says."""
    subject = _SUBJECT.match(opening)
    if subject is None or _BUT.search(opening):
        return None
    said = opening[subject.end() :]
    if _NO.match(said) or _ANSWERS_NOT.match(said):
        return 0.0
    return 1.0 if _YES.match(said) or _ANSWERS.match(said) else None


def _digit(text: str) -> float | None:
    found = _GRADE.match(text)
    if found is None or int(found["grade"]) > HIGHEST_GRADE or _SECOND_GRADE.match(found["rest"]):
        return None
    return float(found["grade"])
