"""Key phrases of passages: what each one speaks of more than the others do."""

from __future__ import annotations

import logging
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

LONGEST_PHRASE = 3
"""Words; longer runs between stop words are no phrase that anyone would type."""

_NOUNS = ("n", "nr", "ns", "nt", "nz", "vn", "an", "l", "j")
"""jieba's tags of words that a question can be about; verbs and measures are not."""

_PIECES = re.compile(r"[^\w\s'’-]+|\n+")
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_STOP_WORDS = frozenset(
    """
    a about above across after again against all almost along already also although always am among an and another any
    anyone anything are around as at away be because been before being below between both but by can cannot could did
    do does doing done down during each either else even ever every everyone everything few first for from further get
    gets give given gives go goes had has have having he her here hers him his how however i if in into is it its
    itself just last least less let like made make makes many may me might more most much must my need needs neither
    never next no nor not nothing now of off often on once one only onto or other others our out over own per please
    put rather same second see several shall she should since so some someone something still such take taken takes
    than that the their them themselves then there these they this those though three through thus to together too
    toward two under until up upon us use used uses using very via was we well were what when where whether which while
    who whom whose why will with within without would yes yet you your
    """.split()  # noqa: SIM905
)


def english_phrases(texts: Sequence[str], count: int) -> list[list[str]]:
    """The ``count`` phrases of each text with the highest TF-IDF over all the texts, fewer where there are fewer.

    A phrase is a run of up to three words between stop words and punctuation; it weighs its number of occurrences
    times the sum of its words' inverse document frequencies.

    Example:
        >>> english_phrases(["The parking permit costs 40 crowns.", "The dog licence costs 10 crowns."], 1)
        [['parking permit costs'], ['dog licence costs']]
    """
    runs = [list(_runs(text)) for text in texts]
    containing = Counter(word for of_text in runs for word in {word for run in of_text for word in run})
    idf = {word: math.log(1 + len(texts) / number) for word, number in containing.items()}
    return [_best(of_text, idf, count) for of_text in runs]


def chinese_phrases(texts: Sequence[str], count: int) -> list[list[str]]:
    """The ``count`` nouns of each text with the highest TF-IDF by jieba's own frequencies, of two characters or more.

    Example:
        >>> chinese_phrases(["高新技术企业认定管理办法由科技部制定。"], 2)
        [['科技部', '高新技术']]
    """
    if not texts:
        return []
    import jieba
    import jieba.analyse

    jieba.setLogLevel(logging.WARNING)
    # Words that jieba guessed (it does not know them) are often cut wrongly, and weigh too much for being unknown.
    return [
        [word for word in jieba.analyse.extract_tags(text, topK=None, allowPOS=_NOUNS) if jieba.dt.FREQ.get(word)][
            :count
        ]
        for text in texts
    ]


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    for piece in _PIECES.split(text.lower()):
        run: list[str] = []
        for word in _WORD.findall(piece):
            if word in _STOP_WORDS or word.isdigit():
                yield from _phrase(run)
                run = []
            else:
                run.append(word)
        yield from _phrase(run)


def _phrase(run: Sequence[str]) -> Iterator[tuple[str, ...]]:
    if run:
        yield tuple(run[:LONGEST_PHRASE])


def _best(runs: Iterable[tuple[str, ...]], idf: dict[str, float], count: int) -> list[str]:
    occurrences = Counter(runs)
    weights = {run: number * sum(idf[word] for word in run) for run, number in occurrences.items()}
    ranked = sorted(weights, key=lambda run: (-weights[run], run))
    return [" ".join(run) for run in ranked if any(map(str.isalpha, "".join(run)))][:count]
