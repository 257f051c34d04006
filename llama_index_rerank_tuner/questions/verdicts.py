"""From an LLM's answer to a judgement: lenient about form, strict about doubt."""

from __future__ import annotations

import re
import unicodedata

from llama_index_rerank_tuner.questions.prompts import Scale

HIGHEST_GRADE = 3

_THINKING = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
_LABEL = (
    r"(?:(?:the |my |final )*(?:answer|verdict|judge?ment|relevance|relevant|grade|score|rating)"
    r"|答案|回答|判断|结论|评分|分数|等级|得分)"
)
_LEADING_LABEL = re.compile(rf"^{_LABEL}\s*(?:is|为|是)?\s*[:：=]?\s*")
_LAST_LABEL = re.compile(rf"{_LABEL}\s*(?:is|为|:|=)\s*:?\s*(?P<verdict>[^\n]+)\s*$")
_WRAPPING = "\"'`*_#“”‘’「」{}[]()<> \t\n.。,"
_STOP = r"(?=$|[\s.,;:!?()。，；：！？、\-–—\"'*`}])"

_DOUBT = re.compile(
    r"(?:yes|no)\s*(?:/|or|and|&)\s*(?:yes|no)\b|是[或/和、]?否|是不是|不确定|不清楚|无法|难以|不知道|不好说|\b(?:unsure|uncertain|unknown)\b"
)
_NO = re.compile(
    rf"(?:no{_STOP}(?!\s*(?:idea|doubt|opinion|way to|information))"
    rf"|(?:nope|false|irrelevant|not relevant){_STOP}"
    r"|否|不是|不相关|不能|不对|没有|无关|不(?=$|[。，、!,.\s]))"
)
_YES = re.compile(
    rf"(?:yes{_STOP}|yep{_STOP}|yeah{_STOP}|true{_STOP}|relevant{_STOP}"
    r"|是的|是(?=$|[。，；：、!！,.;:\s])|相关(?!性|度|与否)|对(?=$|[。，、!,.\s])|能(?=$|[。，、!,.\s])|可以(?=$|[。，、!,.\s]))"
)
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
    text = _THINKING.sub(" ", unicodedata.normalize("NFKC", answer).casefold()).strip(_WRAPPING)
    grade = read(_unwrapped(text))
    if grade is None:
        concluded = _LAST_LABEL.search(text)
        grade = read(_unwrapped(concluded["verdict"])) if concluded else None
    return grade


def _unwrapped(text: str) -> str:
    """The text without quotes, emphasis and a label such as ``Answer:`` in front of it."""
    bare = text.strip(_WRAPPING)
    return _LEADING_LABEL.sub("", bare).strip(_WRAPPING + ":=") if not _verdict_itself(bare) else bare


def _verdict_itself(text: str) -> bool:
    return text.startswith("relevant") and not re.match(r"relevant[\"']?\s*[:=]", text)


def _yes_or_no(text: str) -> float | None:
    opening = re.split(r"[\n.。;；]", text, maxsplit=1)[0]
    if _DOUBT.search(opening):
        return None
    if _NO.match(text):
        return 0.0
    return 1.0 if _YES.match(text) else None


def _digit(text: str) -> float | None:
    found = _GRADE.match(text)
    if found is None or int(found["grade"]) > HIGHEST_GRADE or _SECOND_GRADE.match(found["rest"]):
        return None
    return float(found["grade"])
