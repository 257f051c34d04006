"""What LLMs are asked, in English and Chinese. Change a wording, and change ``PROMPT_VERSION``."""

from __future__ import annotations

from typing import Literal

from llama_index_rerank_tuner.questions.language import Language

PROMPT_VERSION = 1
"""Part of every journal key: answers to an older wording are asked for again."""

Scale = Literal["yes/no", "graded"]

_QUESTIONS: dict[Language, str] = {
    "en": """People search a collection of documents by typing questions. Below is one passage of that collection.
Write {count} different questions that a real person could type who needs what this passage says and has never seen it.

- The passage alone must answer each question.
- Use everyday words of your own; do not copy the passage's wording. Keep names and numbers that are needed to tell \
this passage from similar ones.
- Each question must make sense by itself: never mention "the passage", "the text" or "the document".
- Ask in the language of the passage.

Answer with a JSON list of strings and nothing else, for example ["...", "..."]. If the passage says nothing that \
anyone would ask about (a table of contents, a page footer), answer [].

Passage:
<passage>
{passage}
</passage>
""",
    "zh": """用户通过提问在一批文档中查找资料。下面是其中的一个段落。
请写出{count}个不同的问题:提问的人需要这个段落里的信息,但从未读过它。

- 仅凭这个段落就能回答每个问题。
- 用自己的日常说法来问,不要照抄段落的措辞;但保留用来区分相似段落的名称和数字。
- 每个问题单独看也要明白:不要出现"本文""该段落""上述内容"之类的说法。
- 用段落的语言提问。

只回答一个由字符串组成的JSON列表,不要有其他内容,例如 ["……", "……"]。\
如果段落里没有任何值得提问的内容(如目录、页脚),请回答 []。

段落:
<passage>
{passage}
</passage>
""",
}

_QUESTIONS_REMINDER: dict[Language, str] = {
    "en": '\nAnswer with nothing but a JSON list of strings: ["...", "..."]\n',
    "zh": '\n只回答一个由字符串组成的JSON列表:["……", "……"]\n',
}

_JUDGING: dict[Scale, dict[Language, str]] = {
    "yes/no": {
        "en": """Does the passage help to answer the question? Say yes if it holds the answer or a needed part of it. \
Say no if it is only about the same subject.

Question: {query}

Passage:
<passage>
{passage}
</passage>

Answer with one word, yes or no.
""",
        "zh": """这个段落能帮助回答这个问题吗?如果段落包含答案或答案的必要部分,回答"是";如果只是主题相近,回答"否"。

问题:{query}

段落:
<passage>
{passage}
</passage>

只回答一个字:是或否。
""",
    },
    "graded": {
        "en": """How well does the passage answer the question?

0: it has nothing to do with the question
1: it is about the same subject, but does not answer
2: it answers in part, or the answer is hidden among other things
3: it answers clearly and fully

Question: {query}

Passage:
<passage>
{passage}
</passage>

Answer with one digit: 0, 1, 2 or 3.
""",
        "zh": """这个段落对这个问题回答得如何?

0:与问题无关
1:主题相近,但没有回答问题
2:部分回答了问题,或者答案夹在其他内容中
3:清楚而完整地回答了问题

问题:{query}

段落:
<passage>
{passage}
</passage>

只回答一个数字:0、1、2或3。
""",
    },
}

_JUDGING_REMINDER: dict[Scale, dict[Language, str]] = {
    "yes/no": {"en": "\nYour whole answer must be yes or no.\n", "zh": "\n整个回答只能是:是,或者:否。\n"},
    "graded": {
        "en": "\nYour whole answer must be 0, 1, 2 or 3.\n",
        "zh": "\n整个回答只能是0、1、2或3。\n",
    },
}


def questions_prompt(passage: str, count: int, language: Language) -> tuple[str, str]:
    """The prompt that asks for questions, and the reminder for a second try."""
    return _filled(_QUESTIONS[language], passage, count=str(count)), _QUESTIONS_REMINDER[language]


def judging_prompt(query: str, passage: str, scale: Scale, language: Language) -> tuple[str, str]:
    """The prompt that asks for a relevance judgement, and the reminder for a second try."""
    return _filled(_JUDGING[scale][language], passage, query=query), _JUDGING_REMINDER[scale][language]


def _filled(template: str, passage: str, **fields: str) -> str:
    """Fill the template in one pass: braces and place holders in a passage stay as they are."""
    before, after = template.split("{passage}")
    for name, value in fields.items():
        before = value.join(before.split(f"{{{name}}}"))
    return before + passage + after
