"""Cutting text into lexical terms: jieba for Chinese runs, words for the rest.

Run as a program it is a worker of ``segmenting``: it reads JSON lines, each a list of texts, and answers each with the
lists of their terms. It imports nothing of this package, so that it starts at once.
"""

from __future__ import annotations

import json
import logging
import marshal
import re
import sys
from collections.abc import Iterator

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufa6d\ufa70-\ufad9"
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


def chinese_characters(text: str) -> int:
    """How many characters of a text go through jieba, which is nearly all the time that cutting it takes."""
    return 0 if text.isascii() else sum(len(run[0]) for run in _RUNS.finditer(text) if run["chinese"])


def dictionary() -> bytes:
    """The dictionary of jieba as it is now, with what the user has loaded into it or added to it."""
    import jieba

    jieba.setLogLevel(logging.WARNING)
    jieba.initialize()
    # Format 2 of marshal: later ones write equal dictionaries in different ways.
    return marshal.dumps((jieba.dt.FREQ, jieba.dt.total, sorted(jieba.finalseg.Force_Split_Words)), 2)


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


def _take_over(dictionary_path: str) -> None:
    """Cut with the dictionary of the process that asks."""
    import jieba

    with open(dictionary_path, "rb") as stream:
        jieba.dt.FREQ, jieba.dt.total, forced = marshal.load(stream)
    jieba.finalseg.Force_Split_Words = set(forced)
    jieba.dt.initialized = True


def _serve() -> None:
    for line in sys.stdin.buffer:
        answer = [segment(text) for text in json.loads(line)]
        sys.stdout.buffer.write(json.dumps(answer).encode("ascii") + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _take_over(sys.argv[1])
    _serve()
