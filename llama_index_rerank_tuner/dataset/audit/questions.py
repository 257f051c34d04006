"""What kind of question it is, and in which language: by words and by script."""

from __future__ import annotations

import re

_WORDS = {
    "how many": r"\bhow (?:many|much|long|often|far|old|large|high)\b|多少|多久|多长|多大|几(?=[个次天年月日人份种])",
    "why": r"\bwhy\b|为什么|为何|为啥",
    "when": r"\bwhen\b|什么时候|何时|几时|哪天",
    "where": r"\bwhere\b|什么地方|哪里|哪儿|何处|在哪",
    "who": r"\b(?:who|whom|whose)\b|谁|何人|什么人",
    "which": r"\bwhich\b|哪一?[个种项类家]",
    "how": r"\bhow\b|如何|怎么|怎样|怎麽|咋",
    "what": r"\bwhat\b|什么|哪些|何种|啥",
    "yes or no": r"^\W*(?:is|are|was|were|do|does|did|can|could|may|must|should|shall|will|would|has|have|had|am)\b"
    r"|是否|能否|可否|是不是|能不能|可不可以|有没有|吗",
}
_QUESTION = re.compile("|".join(f"(?P<{name.replace(' ', '_')}>{words})" for name, words in _WORDS.items()))

_SCRIPTS = {
    "Japanese": re.compile("[\u3040-\u30ff]"),
    "Korean": re.compile("[\u1100-\u11ff\uac00-\ud7af]"),
    "Chinese": re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"),
    "Cyrillic script": re.compile("[\u0400-\u04ff]"),
    "Arabic script": re.compile("[\u0600-\u06ff]"),
    "Latin script": re.compile("[A-Za-z\u00c0-\u024f]"),
}
_WORDLIKE = re.compile(r"[^\W\d_]")
_ENOUGH = 0.3
"""A third of the letters: a Chinese question stays Chinese with an abbreviation in it."""


def question_type(query: str) -> str:
    """The first question word of a query, English or Chinese; ``no question word`` where there is none.

    Example:
        >>> question_type("In which year may a firm apply?"), question_type("研发费用如何申报？")
        ('which', 'how')
    """
    match = _QUESTION.search(query.lower())
    return "no question word" if match is None or match.lastgroup is None else match.lastgroup.replace("_", " ")


def language(text: str) -> str:
    """The language that a text's script tells: a name for those with a script of their own, else the script.

    Example:
        >>> language("如何申报R&D费用"), language("Which form?"), language("42")
        ('Chinese', 'Latin script', 'no letters')
    """
    letters = len(_WORDLIKE.findall(text))
    if not letters:
        return "no letters"
    for name, script in _SCRIPTS.items():
        if len(script.findall(text)) >= _ENOUGH * letters:
            return name
    return "another script"
