"""Retrieving for all questions: every source, in every part of the scope, through one journal."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.errors import RerankTunerError, RerankTunerWarning
from llama_index_rerank_tuner.journal import Journal, content_hash
from llama_index_rerank_tuner.mining.asking import Answer, Asking, Source, describe_retriever
from llama_index_rerank_tuner.mining.report import MiningReport
from llama_index_rerank_tuner.mining.scope import ScopedNodes
from llama_index_rerank_tuner.records import RerankExample

if TYPE_CHECKING:
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import BaseNode

    RetrieverOrBuilder = BaseRetriever | Callable[[Sequence[BaseNode]], BaseRetriever]

Answers = dict[str, Answer]
"""Source name to its answer for one question."""


@dataclass(frozen=True, slots=True)
class Retrieving:
    """What is asked, and how.

    Args:
        retrievers: Source name to a retriever, or to a function that builds one over the nodes it is given, which is
            then asked within the question's scope.
        nodes: All the nodes, sorted by id.
        asking: How retrievers are asked.
        journal: File that remembers the answers; None to remember nothing.
        show_progress: Show progress bars.
    """

    retrievers: Mapping[str, Any]
    nodes: Sequence[BaseNode]
    asking: Asking
    journal: str | Path | None
    show_progress: bool

    def answers(
        self, examples: Sequence[RerankExample], parts: Sequence[ScopedNodes], report: MiningReport
    ) -> dict[str, list[Answers]]:
        """What every source answers, for every part of the scope and every question.

        Raises:
            RerankTunerError: No source gave any answer, or another run holds the journal.
            DataError: The journal is damaged or was made with other settings.
        """
        found: dict[str, list[Answers]] = {part.part: [{} for _ in examples] for part in parts}
        with self._memory() as memory:
            for name, retriever in self.retrievers.items():
                if is_builder(retriever):
                    for part in parts:
                        self._ask_within(name, retriever, part, examples, found[part.part], memory, report)
                    continue
                answers = self._ask(Source(name, retriever, self.asking, memory), examples, report)
                for by_question in found.values():
                    for each, answer in zip(by_question, answers, strict=True):
                        each[name] = answer
        _check(found, examples, report)
        return found

    def _ask_within(
        self,
        name: str,
        build: Callable[[Sequence[BaseNode]], BaseRetriever],
        part: ScopedNodes,
        examples: Sequence[RerankExample],
        found: Sequence[Answers],
        memory: Journal | None,
        report: MiningReport,
    ) -> None:
        """Build a retriever over each value's nodes, and ask it the questions that have the value."""
        asking: dict[str, list[int]] = {}
        for place, example in enumerate(examples):
            asking.setdefault(part.value(example), []).append(place)
        for value, places in asking.items():
            retriever = build(part.nodes(value))
            source = Source(name, retriever, self.asking, memory, within=f"{part.part}={value}")
            answers = self._ask(source, [examples[place] for place in places], report)
            for place, answer in zip(places, answers, strict=True):
                found[place][name] = answer

    def _ask(self, source: Source, examples: Sequence[RerankExample], report: MiningReport) -> list[Answer]:
        answers = source.ask([example.query for example in examples], self.show_progress)
        report.oddities.update({f"{source.name}: failed calls, {what}": n for what, n in source.faults.items()})
        for example in examples:
            problem = answers[example.query].problem
            if problem is not None:
                report.failed.setdefault(source.name, {})[example.query_id] = problem
        return [answers[example.query] for example in examples]

    @contextlib.contextmanager
    def _memory(self) -> Iterator[Journal | None]:
        if self.journal is None:
            yield None
            return
        settings = {
            "work": "retrieving for negatives",
            "nodes": content_hash([[node.node_id, node.hash] for node in self.nodes]),
            "sources": {name: describe_retriever(retriever) for name, retriever in self.retrievers.items()},
        }
        with Journal(self.journal, settings) as memory:
            yield memory


def is_builder(retriever: Any) -> bool:
    """Whether this is a function that builds a retriever, and not one."""
    return callable(retriever) and not hasattr(retriever, "retrieve") and not hasattr(retriever, "aretrieve")


def _check(found: Mapping[str, Sequence[Answers]], examples: Sequence[RerankExample], report: MiningReport) -> None:
    """Refuse to mine where nothing could be retrieved; warn where something could not."""
    answers = [answer for questions in found.values() for each in questions for answer in each.values()]
    if answers and all(answer.problem is not None for answer in answers):
        problems = "; ".join(f"{source}: {next(iter(failed.values()))}" for source, failed in report.failed.items())
        raise RerankTunerError(f"No retriever answered any of {len(examples)} questions ({problems}).")
    for source, failed in report.failed.items():
        warnings.warn(
            f"The source {source!r} gave no answer to {len(failed)} of {len(examples)} questions "
            f"({next(iter(failed.values()))}); they are mined from the other sources, or at random. report.failed "
            "names them; with a journal, the same call asks only these again.",
            RerankTunerWarning,
            stacklevel=5,
        )
