"""Texts that are nearly the same: MinHash finds the candidates, the exact Jaccard similarity decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, combinations, product
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from llama_index_rerank_tuner.dataset.likeness.normal_form import normalised
from llama_index_rerank_tuner.dataset.likeness.same_question import (
    LONG_QUESTION,
    LONG_SIMILARITY,
    Wording,
    misspelling_keys,
    same_wording,
    wording_of,
)
from llama_index_rerank_tuner.dataset.likeness.shingles import jaccard, shingles_of, similarity
from llama_index_rerank_tuner.errors import ConfigError

if TYPE_CHECKING:
    from llama_index_rerank_tuner.dataset.likeness.shingles import Shingles

__all__ = ["NearPair", "near_duplicate_pairs", "near_queries", "normalised", "similarity"]

_PERMUTATIONS = 128
_MISSED = 1e-3
_FEW = 500
_MOST_PARTNERS = 20
"""Earlier texts that one text is compared with at most: boilerplate would make every pair of thousands."""


class NearPair(NamedTuple):
    """Two texts that are the same or nearly the same, by their places in the list: ``first < second``."""

    first: int
    second: int
    similarity: float


def near_duplicate_pairs(texts: Sequence[str], threshold: float = 0.8, seed: int = 0) -> list[NearPair]:
    """Every two texts whose similarity is at least a threshold.

    MinHash with locality-sensitive hashing (Broder 1997; Leskovec, Rajaraman and Ullman, *Mining of Massive Datasets*,
    section 3.4) finds the candidates among more than 500 texts and misses fewer than one in a thousand of the pairs
    that are exactly at the threshold, far fewer above it; every reported similarity is exact. There, a text is compared
    with the first 20 candidates before it, so that a cluster of thousands stays connected without every one of its
    pairs. Time and memory grow with the number of different texts (about 20 s and 0.4 GB for 20,000 of 300 characters
    on one core): cut a list of a million before handing it in. Of ``n`` texts with one normal form every pair is
    reported.

    Args:
        texts: The texts.
        threshold: Least similarity, over 0 and at most 1; 1 finds the same shingles only.
        seed: Same seed, same candidates.

    Returns:
        The pairs, sorted by ``first``, then ``second``.

    Raises:
        ConfigError: The threshold is not over 0 and at most 1.

    Example:
        >>> near_duplicate_pairs(["Apply by 1 May.", "The form is AP-2.", "apply by 1 may"])
        [NearPair(first=0, second=2, similarity=1.0)]
    """
    if not 0 < threshold <= 1:
        raise ConfigError(f"threshold must be over 0 and at most 1, got {threshold!r}.")
    return _expanded(texts, lambda forms: _near_forms(forms, threshold, seed))


def near_queries(queries: Sequence[str], seed: int = 0) -> list[NearPair]:
    """Every two queries that ask the same thing.

    ``same_question`` decides, not a threshold: in a short text one word changes the meaning and hardly the similarity
    ("the fee for form A", "the fee for form B"), so the similarity of a pair is for information.

    Args:
        queries: The queries.
        seed: Same seed, same candidates among long questions.

    Returns:
        The pairs, sorted by ``first``, then ``second``.

    Example:
        >>> near_queries(["Who may apply?", "Who may not apply?", "Who may aply!"])
        [NearPair(first=0, second=2, similarity=0.5625)]
    """
    return _expanded(queries, lambda forms: _near_wordings(forms, seed))


def _expanded(
    texts: Sequence[str], near: Callable[[Sequence[str]], Iterable[tuple[int, int, float]]]
) -> list[NearPair]:
    """The pairs among all texts, from those among their different normal forms."""
    places: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        places.setdefault(normalised(text), []).append(place)
    members = list(places.values())
    pairs = [NearPair(*pair, 1.0) for same in members for pair in combinations(same, 2)]
    for one, other, alike in near(list(places)):
        pairs.extend(NearPair(min(pair), max(pair), alike) for pair in product(members[one], members[other]))
    return sorted(pairs)


def _near_forms(forms: Sequence[str], threshold: float, seed: int) -> Iterator[tuple[int, int, float]]:
    """The places of every two different normal forms that are near each other, with their similarity."""
    shingles = [shingles_of(form) for form in forms]
    for one, other in _candidates(shingles, threshold, seed):
        shorter, longer = sorted((len(shingles[one]), len(shingles[other])))
        if shorter >= threshold * longer:
            alike = jaccard(shingles[one], shingles[other])
            if alike >= threshold:
                yield one, other, alike


def _near_wordings(forms: Sequence[str], seed: int) -> Iterator[tuple[int, int, float]]:
    """The places of every two different queries that ask the same thing, with their similarity."""
    wordings = [wording_of(form) for form in forms]
    for one, other in sorted({*_like_worded(wordings), *_long_and_alike(wordings, seed)}):
        if same_wording(wordings[one], wordings[other]):
            yield one, other, similarity(forms[one], forms[other])


def _like_worded(wordings: Sequence[Wording]) -> Iterator[tuple[int, int]]:
    """Pairs of places whose words are the same, or the same but for one that may be misspelt."""
    places: dict[int, list[int]] = {}
    for place, wording in enumerate(wordings):
        for key in {hash(key) for key in chain([wording.joined], misspelling_keys(wording))}:
            places.setdefault(key, []).append(place)
    for sharing in places.values():
        yield from combinations(sharing, 2)


def _long_and_alike(wordings: Sequence[Wording], seed: int) -> Iterator[tuple[int, int]]:
    """Pairs of places of long questions that share most of their shingles."""
    places = [place for place, wording in enumerate(wordings) if wording.length >= LONG_QUESTION]
    shingles = [shingles_of(normalised(" ".join(wordings[place].words))) for place in places]
    for one, other in _candidates(shingles, LONG_SIMILARITY, seed):
        yield places[one], places[other]


def _candidates(shingles: Sequence[Shingles], threshold: float, seed: int) -> Iterator[tuple[int, int]]:
    """Pairs of places that may be near, the earlier place first, each pair once."""
    if len(shingles) < 2:
        return
    found = _counted if len(shingles) <= _FEW else _hashed
    yield from found(shingles, threshold, seed)


def _counted(shingles: Sequence[Shingles], threshold: float, _seed: int) -> Iterator[tuple[int, int]]:
    """For few texts: count what every two share, in one sparse product."""
    from scipy.sparse import csr_array

    lengths = np.array([len(each) for each in shingles])
    different, columns = np.unique(np.concatenate(shingles), return_inverse=True)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    holds = csr_array((np.ones(len(columns), np.int64), columns, starts), shape=(len(shingles), len(different)))
    shared = (holds @ holds.T).tocoo()
    later = shared.row < shared.col
    ones, others, counts = shared.row[later], shared.col[later], shared.data[later]
    near = counts >= threshold * (lengths[ones] + lengths[others] - counts)
    yield from sorted(zip(ones[near].tolist(), others[near].tolist(), strict=True))


def _hashed(shingles: Sequence[Shingles], threshold: float, seed: int) -> Iterator[tuple[int, int]]:
    """For many texts: those that share a band of their MinHash."""
    from datasketch import MinHash, MinHashLSH

    bands, rows = _bands(threshold)
    index = MinHashLSH(num_perm=bands * rows, params=(bands, rows))
    # The identity as the hash function: a shingle is a hash already. The affine32 scheme takes 32 bits of it.
    hashed = ((each >> np.uint64(32)).tolist() for each in shingles)
    sketches: Iterator[Any] = MinHash.generator(hashed, num_perm=bands * rows, seed=seed, hashfunc=_itself)
    for place, sketch in enumerate(sketches):
        for earlier in sorted(index.query(sketch))[:_MOST_PARTNERS]:
            yield earlier, place
        index.insert(place, sketch, check_duplication=False)


def _bands(threshold: float) -> tuple[int, int]:
    """The most rows a band (fewest false candidates) that still miss few enough pairs at the threshold."""
    for rows in range(16, 1, -1):
        bands = _PERMUTATIONS // rows
        if (1 - threshold**rows) ** bands <= _MISSED:
            return bands, rows
    return _PERMUTATIONS, 1


def _itself(shingle: int) -> int:
    return shingle
