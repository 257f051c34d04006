"""What a benchmark's journal remembers: a contestant's replay of a question, and what a retriever found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.evaluation.replay import Replay
from llama_index_rerank_tuner.journal import Journal, content_hash
from llama_index_rerank_tuner.records import Passage, RerankExample, Retrieved

if TYPE_CHECKING:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor
    from llama_index.core.retrievers import BaseRetriever

JOURNAL_SETTINGS = {"work": "reranking benchmark"}
"""The keys of the values hold all that they depend on, so that one journal serves any number of benchmarks."""


class ContestantMemory:
    """Remembers what one contestant made of each question's candidates.

    An answer is taken from the journal where name and settings of the contestant, the files of its model, the question
    and the candidates with their texts and order are the same.

    Args:
        journal: Where to.
        name: The contestant's name.
        contestant: The postprocessor.
    """

    def __init__(self, journal: Journal, name: str, contestant: BaseNodePostprocessor) -> None:
        self._journal, self._contestant = journal, content_hash(name, describe_contestant(contestant))

    def key(self, example: RerankExample) -> str:
        """The key of this contestant's answer to a question."""
        # A question's positives count as well: the evaluator's own figures depend on them.
        candidates = [[each.key, each.text, each.retrieved] for each in example.candidates or ()]
        expected = [each.key for each in example.positives]
        return content_hash("replay", self._contestant, example.query_id, example.query, expected, candidates)

    def recall(self, key: str) -> Replay | None:
        """The remembered replay; None where there is none."""
        stored = self._journal.get(key)
        if stored is None:
            return None
        ranking = [(str(passage), float(score)) for passage, score in stored["ranking"]]
        return Replay(ranking, float(stored["seconds"]), stored["evaluator_scores"])

    def keep(self, key: str, replay: Replay) -> None:
        """Remember a replay."""
        self._journal.append(
            key,
            {"ranking": replay.ranking, "seconds": replay.seconds, "evaluator_scores": dict(replay.evaluator_scores)},
        )


def describe_contestant(contestant: BaseNodePostprocessor) -> list[Any]:
    """What a contestant's answers depend on, as far as it tells: class, settings, and the files of its model."""
    cls = type(contestant)
    settings = [[name, _plain(getattr(contestant, name, None))] for name in cls.model_fields]
    scorer = getattr(getattr(contestant, "scorer", None), "name", None)
    return [f"{cls.__module__}.{cls.__qualname__}", settings, scorer, _weights(contestant)]


def _weights(contestant: BaseNodePostprocessor) -> str | None:
    """Fingerprint of the checkpoint, where the contestant names one that lies on this machine."""
    from llama_index_rerank_tuner.errors import CheckpointNotFoundError
    from llama_index_rerank_tuner.reranking.fingerprint import model_fingerprint

    model = getattr(contestant, "model", None)
    if not isinstance(model, str) or not Path(model).expanduser().is_dir():
        return None
    try:
        return model_fingerprint(model)
    except CheckpointNotFoundError:
        return None


def _plain(value: Any) -> Any:
    """A setting as JSON; of an object that JSON cannot hold, its type."""
    plain = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    try:
        json.dumps(plain)
    except (TypeError, ValueError):
        return type(value).__qualname__
    return plain


class RetrieverMemory:
    """Remembers what a retriever found for each question.

    An answer is taken from the journal where the retriever's class and depth, the text contract and the question are
    the same. What is behind a retriever cannot be seen: give an index that has changed a journal of its own.

    Args:
        journal: Where to; None to remember nothing.
        retriever: The retriever.
        contract: How nodes become text, as JSON values.
    """

    def __init__(self, journal: Journal | None, retriever: BaseRetriever, contract: Any) -> None:
        self._journal, self._described = journal, [_describe_retriever(retriever), contract]

    def recall(self, query: str) -> list[Passage] | None:
        """The remembered passages, in the retriever's order; None where there are none."""
        stored = None if self._journal is None else self._journal.get(self._key(query))
        return None if stored is None else [_passage(**each) for each in stored]

    def keep(self, query: str, found: Sequence[Passage]) -> None:
        """Remember what was found."""
        if self._journal is not None and self._key(query) not in self._journal:
            self._journal.append(self._key(query), [asdict(each) for each in found])

    def _key(self, query: str) -> str:
        return content_hash("retrieved", self._described, query)


def _describe_retriever(retriever: Any) -> list[Any]:
    """Class and depth; of a wrapper, also those of what it wraps."""
    own = [type(retriever).__qualname__, _plain(getattr(retriever, "similarity_top_k", None))]
    inner = getattr(retriever, "retriever", None)
    return own if inner is None else [own, _describe_retriever(inner)]


def _passage(retrieved: dict[str, Sequence[float]], **fields: Any) -> Passage:
    places = {source: Retrieved(int(rank), score) for source, (rank, score) in retrieved.items()}
    return Passage(**fields, retrieved=places)
