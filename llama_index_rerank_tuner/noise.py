"""Text as scanners, converters and hurried fingers leave it: OCR and typing errors, for training and for robustness.

The kinds of error are those that search engines for scanned and typed text meet: characters that look alike, words cut
by line breaks, lost characters, full-width forms, wrong case, and slips of the finger (Zhuang and Zuccon 2021,
"Dealing with Typos for BERT-based Passage Retrieval and Ranking").
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.records import Passage, RerankExample

NoiseKind: TypeAlias = Literal["ocr", "line_break", "drop", "full_width", "case", "typo"]
KINDS: tuple[NoiseKind, ...] = get_args(NoiseKind)
RATE = 0.05

LOOK_ALIKES: tuple[Sequence[str], ...] = (
    *(("rn", "m"), ("cl", "d"), ("vv", "w"), "l1I", "O0o", "S5", "B8", "Z2", "ec", "hb", "uv", "g9"),
    *("己已巳", "未末", "土士", "人入", "日曰", "大太犬", "干千于", "戊戌戍", "天夭", "王玉", "儿几", "贝见", "午牛"),
    *("晴睛", "辩辨", "侯候", "折拆", "白自", "免兔"),
)
"""Characters, and pairs of them, that character recognition takes for each other."""

KEY_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
FULL_WIDTH = ord("！") - ord("!")


@dataclass(frozen=True, slots=True)
class _Error:
    """Where an error can happen, and what it leaves there; ``spared`` places are always left alone."""

    places: re.Pattern[str]
    result: Callable[[str, random.Random], str]
    spared: int = 0


def noisy(text: str, kind: NoiseKind, rate: float = RATE, seed: int = 0) -> str:
    """A text with errors of one kind.

    Args:
        text: Any text, Latin or Chinese.
        kind: ``ocr`` (look-alike characters), ``line_break`` (inside words; with or without a hyphen where the script
            has cases), ``drop`` (characters lost), ``full_width`` (ASCII in its full-width form), ``case`` (upper for
            lower and the reverse) or ``typo`` (two characters swapped, one too many or too few, or a neighbouring key).
        rate: Errors for each character of the text, from 0 to 1: ``rate * len(text)`` of them, a fraction rounded up
            or down at random, and fewer where the text has not so many places for them.
        seed: Same text, kind, rate and seed, same result.

    Returns:
        The text with its errors. A text is never emptied; one without a place for the error comes back as it was.

    Raises:
        ConfigError: There is no such kind, or the rate is not a share.

    Example:
        >>> noisy("form 10 modern", "ocr", 0.2)
        'form 10 rnOdem'
        >>> noisy("form", "full_width", 1.0)
        'ｆｏｒｍ'
    """
    _check(kind, rate)
    rng = _rng(seed, kind, text)
    error = _ERRORS[kind]
    places = list(error.places.finditer(text))
    wanted = math.floor(rate * len(text) + rng.random())
    count = max(0, min(wanted, len(places) - error.spared))
    parts, end = [], 0
    for index in sorted(rng.sample(range(len(places)), count)):
        place = places[index]
        parts += [text[end : place.start()], error.result(place.group(), rng)]
        end = place.end()
    return "".join([*parts, text[end:]])


def augmented(
    examples: Iterable[RerankExample],
    share: float,
    seed: int = 0,
    *,
    rate: float = RATE,
    kinds: Sequence[NoiseKind] = KINDS,
) -> list[RerankExample]:
    """Training examples in which a share of the passages has errors, each of one kind drawn at random.

    Positives and negatives are drawn alike, so that errors say nothing about relevance. A passage is drawn for each
    question anew: it may be clean for one and have errors for another. Queries, candidates, ids, labels, scores and
    the order stay as they are.

    Args:
        examples: Labelled examples; they are not changed.
        share: Chance of a passage to get errors, from 0 to 1.
        seed: Same examples and seed, same errors.
        rate: Errors for each character of such a passage.
        kinds: Kinds to draw from.

    Raises:
        ConfigError: There is no kind or no such kind, or the share or the rate is not a share.

    Example:
        >>> example = RerankExample("q1", "Who may apply?", (Passage("Any resident", "n1", label=1.0),))
        >>> augmented([example], share=1.0, kinds=["case"], rate=1.0)[0].positives[0]
        Passage(text='aNY RESIDENT', node_id='n1', label=1.0, teacher_score=None, retrieved={}, group=None, metadata={})
    """
    if not kinds:
        raise ConfigError(f"kinds must name at least one kind of noise: {', '.join(KINDS)}.")
    for kind in kinds:
        _check(kind, rate)
    _check_share("share", share)

    def passages(example: RerankExample, given: tuple[Passage, ...]) -> tuple[Passage, ...]:
        return tuple(_maybe_noisy(each, example.query_id, share, seed, rate, kinds) for each in given)

    return [
        replace(each, positives=passages(each, each.positives), negatives=passages(each, each.negatives))
        for each in examples
    ]


def _maybe_noisy(
    passage: Passage, query_id: str, share: float, seed: int, rate: float, kinds: Sequence[NoiseKind]
) -> Passage:
    # Drawn by the text, not by the place, so that a passage that stands twice in an example stays one passage.
    rng = _rng(seed, query_id, passage.text)
    if rng.random() >= share:
        return passage
    return replace(passage, text=noisy(passage.text, rng.choice(kinds), rate, seed))


def _rng(seed: int, name: str, text: str) -> random.Random:
    return random.Random(f"{seed}\0{name}\0{text}".encode("utf-8", "surrogatepass"))


def _check(kind: str, rate: float) -> None:
    if kind not in KINDS:
        raise ConfigError(f"There is no noise {kind!r}; the kinds are {', '.join(KINDS)}.")
    _check_share("rate", rate)


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ConfigError(f"{name} must be a number from 0 to 1, got {value!r}.")


def _look_alike(piece: str, rng: random.Random) -> str:
    return rng.choice(_MISREAD[piece])


def _line_break(letter: str, rng: random.Random) -> str:
    hyphenated = letter.upper() != letter.lower()
    return letter + (rng.choice(("\n", "-\n")) if hyphenated else "\n")


def _slip(piece: str, rng: random.Random) -> str:
    """One slip of the finger on one or two characters, which leaves at least one."""
    first, second = piece[0], piece[1:]
    near = _NEIGHBOURS.get(first.lower(), first + second)
    key = rng.choice(near)
    slips = [first + key + second, first + first + second]
    if near != piece:
        slips.append((key.upper() if first.isupper() else key) + second)
    if second:
        slips += [second + first if second != first else first, rng.choice(piece)]
    return rng.choice(slips)


def _neighbours() -> dict[str, str]:
    """Each letter's neighbours on a QWERTY keyboard: beside it, above it and below it."""
    around: dict[str, str] = {}
    for row, keys in enumerate(KEY_ROWS):
        for column, key in enumerate(keys):
            near = [(row, column - 1), (row, column + 1), (row - 1, column), (row - 1, column + 1)]
            near += [(row + 1, column - 1), (row + 1, column)]
            around[key] = "".join(
                KEY_ROWS[r][c] for r, c in near if 0 <= r < len(KEY_ROWS) and 0 <= c < len(KEY_ROWS[r])
            )
    return around


_NEIGHBOURS = _neighbours()
_MISREAD = {piece: tuple(other for other in alike if other != piece) for alike in LOOK_ALIKES for piece in alike}
_ERRORS = {
    "ocr": _Error(re.compile("|".join(sorted(_MISREAD, key=len, reverse=True))), _look_alike),
    "line_break": _Error(re.compile(r"[^\W\d_](?=[^\W\d_])"), _line_break),
    "drop": _Error(re.compile(r"\S"), lambda _, __: "", spared=1),
    "full_width": _Error(re.compile("[!-~]"), lambda piece, _: chr(ord(piece) + FULL_WIDTH)),
    "case": _Error(re.compile("[A-Za-zÀ-ÖØ-Þà-öø-þΑ-ΡΣ-Ωα-ρσ-ωЀ-џ]"), lambda piece, _: piece.swapcase()),
    "typo": _Error(re.compile(r"[^\W_]{1,2}"), _slip),
}
