"""One string that an LLM gave for a question: what is a question, and its text without numbering and quotes."""

from __future__ import annotations

import re

LONGEST_QUESTION = 400
"""Characters; what is longer is no question that anyone types."""

NUMBERING = (
    r"(?:(?:question|q|问题|问|第)\s*(?:\d{1,2}|[一二三四五六七八九十])\s*(?:个问题)?\s*[.．):：、）–-]+(?!\d)"
    r"|(?:question|q|问题|问)\s*[:：]"
    r"|[(（]?\d{1,2}(?:[.．:：](?:(?!\d)|(?=\d{4}年))|[)）]|、(?!\d{1,2}月))"
    r"|[(（]?[一二三四五六七八九十]{1,2}[)）、.．](?![一二三四五六七八九十])"
    r"|[①-⑳]|[-*](?=\s)|•)"
)
"""How a line of a numbered list begins. A decimal (3.5 mm), a ratio (1:1) and months (5、6月) are no numbering."""

_NUMBERED = re.compile(rf"^{NUMBERING}\s*", re.IGNORECASE)
_EMPHASIS = "*` \t"
_QUOTE_PAIRS = {'"': '"', "'": "'", "“": "”", "‘": "’", "「": "」", "『": "』"}
_ASKS = re.compile("[?？؟]")
_TELLS = re.compile(
    r"[.。!！]$|^(?:none|empty|nothing\b.*|no (?:\w+ )?questions?\b.*|n/a|question \d*|无|没有(?:问题|内容|值得.*)?)$"
    r"|^(?:sorry|i cannot|i can't|i'm sorry|unfortunately|抱歉|对不起|很抱歉)\b",
    re.IGNORECASE,
)
_TEXT = r"(?:passage|text|document|article|excerpt|context|section)"
_OF_THE_PASSAGE = re.compile(
    r"\b(?:the|this|that) (?:passage|text above|given text|excerpt)\b"
    rf"|\baccording to (?:the|this) {_TEXT}\b"
    rf"|\b(?:mentioned|described|stated|discussed|listed|given|provided|outlined) (?:above|in (?:the|this) {_TEXT})\b"
    rf"|\b(?:the|this) (?:provided|given) {_TEXT}\b"
    rf"|\b(?:does|do|did) (?:the|this) (?:{_TEXT}|author) (?:say|state|mention|describe|discuss|recommend|explain)\b"
    r"|(?<![基文版样])本文(?!件|书|化)|该文(?!件|书|化)|(?<![以网线])上文(?!件|书|化|档)|(?<![论英中外语])文中"
    r"|本段|该段|此段|这段|这个段落|段落中|文章中|(?:上述|所给|给定)(?:内容|段落|文字|文本)"
    r"|根据(?:文本|文档|文章|段落|上文|所给)|作者(?:认为|指出|提到)",
    re.IGNORECASE,
)


def clean_question(string: str) -> str | None:
    """A question without its numbering and quotes; None for what is no question.

    Example:
        >>> clean_question("1.谁可以申请？"), clean_question('"Who may apply?"'), clean_question("3.5 mm or 4 mm?")
        ('谁可以申请？', 'Who may apply?', '3.5 mm or 4 mm?')
        >>> clean_question("Here are your questions:") is clean_question("There is nothing to ask.") is None
        True
    """
    question = " ".join(string.split())
    before = ""
    while before != question:
        before = question
        question = _NUMBERED.sub("", _unquoted(question)).strip(_EMPHASIS)
    letters = sum(character.isalpha() for character in question)
    if letters < 3 or len(question) > LONGEST_QUESTION or question.endswith((":", "：")):
        return None
    return question if asks(question) or not _TELLS.search(question) else None


def asks(question: str) -> bool:
    """Whether there is a question mark in it."""
    return _ASKS.search(question) is not None


def speaks_of_passage(question: str) -> bool:
    """Whether a question names the passage it was made from, which nobody does who searches.

    Example:
        >>> speaks_of_passage("What does the passage say of fees?"), speaks_of_passage("文中提到的费用是多少?")
        (True, True)
        >>> speaks_of_passage("Which document shows my income?"), speaks_of_passage("基本文件有哪些?")
        (False, False)
    """
    return _OF_THE_PASSAGE.search(question) is not None


def _unquoted(text: str) -> str:
    """The text without emphasis and without quotes that enclose all of it."""
    bare = text.strip(_EMPHASIS)
    while len(bare) > 1 and _QUOTE_PAIRS.get(bare[0]) == bare[-1]:
        bare = bare[1:-1].strip(_EMPHASIS)
    return bare
