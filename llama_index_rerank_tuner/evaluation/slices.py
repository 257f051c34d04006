"""Slices: where a reranker helps, and where not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isfinite
from statistics import fmean
from typing import Any

from llama_index_rerank_tuner.dataset.audit.questions import language, question_type
from llama_index_rerank_tuner.dataset.likeness.normal_form import UNSPACED
from llama_index_rerank_tuner.evaluation.cases import examples_of
from llama_index_rerank_tuner.evaluation.result import BenchmarkResult
from llama_index_rerank_tuner.evaluation.statistics import Estimate, cluster_bootstrap
from llama_index_rerank_tuner.records import RerankExample

MIN_QUESTIONS = 5
"""Fewer questions say nothing of a slice."""
QUERY_LENGTHS = (5, 10, 20)
PASSAGE_LENGTHS = (50, 150, 300)
"""Upper ends of the classes of length, in words."""
SECTION_KEYS = ("section", "section_name", "header_path", "header", "heading")
"""Metadata keys that name a section."""

_WORD = re.compile(rf"{UNSPACED}|(?:(?!{UNSPACED})\w)+")
_IN_TEXT = re.compile(rf"^(?:{'|'.join(SECTION_KEYS)}): *(\S.*?) *$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Slice:
    """Questions of one kind.

    Args:
        by: What they have in common: ``query length``, ``language``, ``question word``, ``passage length``,
            ``section``, ``source document`` or ``positives``.
        value: Which.
        questions: How many they are.
        before: Mean of the metric under the first reranker.
        after: Mean under the second.
        change: Paired difference with its 95 % interval; unbounded where there are under five source documents.
    """

    by: str
    value: str
    questions: int
    before: float
    after: float
    change: Estimate

    def to_dict(self) -> dict[str, Any]:
        """The slice as JSON values, which know no infinity: an unbounded end is None."""
        change = {name: end if isfinite(end) else None for name, end in asdict(self.change).items()}
        return asdict(self) | {"change": change}


def slices(result: BenchmarkResult, before: str, after: str, metric: str = "nDCG@10") -> list[Slice]:
    """Cut the questions by kind and compare two contestants in every slice, worst change first.

    A slice points to where to look; it proves nothing. Of twenty slices one is expected to show a change at the 95 %
    level where there is none.

    The classes: query length and length of the first positive in words (a Chinese or Japanese character is a word);
    language of the query, by its script; its question word, English or Chinese; section, from the metadata of the first
    positive or of the question, else from a line such as ``section: Fees`` in the first paragraph of the positive's
    text, where LlamaIndex puts metadata; source document; number of relevant passages. A question without a section or
    source document is in no slice of that kind. Slices of under 5 questions, and those that hold every question, are
    left out.

    Args:
        result: What was measured.
        before: Name of the first contestant.
        after: Name of the second.
        metric: Which metric.

    Raises:
        ConfigError: A contestant or the metric is unknown.
        DataError: The result lacks the example of a question.
    """
    change = result.differences(after, before, metric)
    return sorted(
        (
            Slice(
                by,
                value,
                len(members),
                _mean(result.scores[before][metric], members),
                _mean(result.scores[after][metric], members),
                cluster_bootstrap({each: change[each] for each in members}, result.groups, result.samples, result.seed),
            )
            for by, value_of in _KINDS.items()
            for value, members in _members(result, value_of).items()
            if MIN_QUESTIONS <= len(members) < len(change)
        ),
        key=lambda each: each.change.value,
    )


def _mean(values: Mapping[str, float], query_ids: Sequence[str]) -> float:
    return fmean(values[each] for each in query_ids)


def _members(result: BenchmarkResult, value_of: Callable[[RerankExample], str | None]) -> Mapping[str, list[str]]:
    members: dict[str, list[str]] = {}
    for query_id, example in examples_of(result).items():
        value = value_of(example)
        if value is not None:
            members.setdefault(value, []).append(query_id)
    return members


def _query_length(example: RerankExample) -> str:
    return _length_class(example.query, QUERY_LENGTHS)


def _passage_length(example: RerankExample) -> str | None:
    return _length_class(example.positives[0].text, PASSAGE_LENGTHS) if example.positives else None


def _length_class(text: str, ends: tuple[int, ...]) -> str:
    words, start = len(_WORD.findall(text)), 0
    for end in ends:
        if words <= end:
            return f"{start}–{end} words" if start else f"up to {end} words"
        start = end + 1
    return f"over {ends[-1]} words"


def _section(example: RerankExample) -> str | None:
    first = example.positives[:1]
    known = [each.metadata for each in first] + [example.metadata]
    named = next((str(each[key]) for each in known for key in SECTION_KEYS if each.get(key)), None)
    return named or next(_sections_in(first[0].text), None) if first else named


def _sections_in(text: str) -> Iterator[str]:
    """Sections that the first paragraph names, where LlamaIndex writes a node's metadata line by line."""
    metadata, blank, _ = text.partition("\n\n")
    return (match[1] for match in _IN_TEXT.finditer(metadata if blank else ""))


def _number_of_positives(example: RerankExample) -> str:
    number = len({passage.key for passage in example.positives})
    return str(number) if number < 3 else "3–5" if number <= 5 else "over 5"


_KINDS: Mapping[str, Callable[[RerankExample], str | None]] = {
    "query length": _query_length,
    "language": lambda example: language(example.query),
    "question word": lambda example: question_type(example.query),
    "passage length": _passage_length,
    "section": _section,
    "source document": lambda example: example.group,
    "positives": _number_of_positives,
}
