"""Cutting text into lexical terms: jieba for Chinese runs, words for the rest."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_RUNS = re.compile(rf"(?P<chinese>[{_HAN}]+)|(?:(?![{_HAN}])[^\W_])+")


def segment(text: str) -> list[str]:
    """Cut a text into lower-case terms, in order; punctuation and white space are dropped.

    Chinese runs go through jieba; every other run of letters and digits is one word.

    Example:
        >>> segment("The R&D deduction, form R-4")
        ['the', 'r', 'd', 'deduction', 'form', 'r', '4']
        >>> segment("如何申报R&D费用")
        ['如何', '申报', 'r', 'd', '费用']
    """
    return list(_terms(text.lower()))


def _terms(text: str) -> Iterator[str]:
    for run in _RUNS.finditer(text):
        if run["chinese"]:
            yield from _jieba_cut(run[0])
        else:
            yield run[0]


def _jieba_cut(run: str) -> Iterator[str]:
    import jieba

    jieba.setLogLevel(logging.WARNING)
    yield from jieba.cut(run)
