"""Asking the retrievers: retried with pauses, several at once where they can be, and never twice with a journal."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from tqdm import tqdm

from llama_index_rerank_tuner.background import run_in_background
from llama_index_rerank_tuner.errors import ConfigError, RerankTunerError
from llama_index_rerank_tuner.journal import Journal, content_hash

if TYPE_CHECKING:
    from llama_index.core.schema import NodeWithScore

BLOCK = 512
"""Queries that a retriever with ``retrieve_batch`` gets at once. Fixed, so that a resumed run makes the same blocks."""

LOST_IN_A_ROW = 10
"""So many queries in a row without an answer mean that a source is down: it is asked no further in this run."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How retrievers are asked.

    Args:
        concurrency: Calls of one source under way at once. 1, because not every synchronous retriever may be called
            from several threads; a retriever over a network is faster with more. One that has a ``retrieve_batch`` is
            asked in blocks instead.
        retries: Further tries after a failed call; a service that stumbles is back after one or two.
        pause: Seconds before the first retry; doubled each time.
        timeout: Seconds a call may take; None for as long as it takes, which is right for an index in memory. A
            synchronous call that takes longer is left behind in its thread. A block has no timeout.

    Raises:
        ConfigError: A value cannot work.
    """

    concurrency: int = 1
    retries: int = 2
    pause: float = 1.0
    timeout: float | None = None

    def __post_init__(self) -> None:
        if (
            self.concurrency < 1
            or self.retries < 0
            or self.pause < 0
            or (self.timeout is not None and self.timeout <= 0)
        ):
            raise ConfigError(
                "Expected concurrency of at least 1, retries and pause of at least 0 and a timeout above 0, got "
                f"{self.concurrency}, {self.retries}, {self.pause} and {self.timeout}."
            )


class Answer(NamedTuple):
    """What a source returned for a query: (node id, score) in its order; or the problem why there is nothing."""

    found: tuple[tuple[str, float | None], ...]
    problem: str | None = None


class Source:
    """A retriever under its name, asked politely.

    Args:
        name: Name of the source.
        retriever: Anything with a ``retrieve`` or an ``aretrieve``.
        asking: How it is asked.
        journal: Remembers its answers; failures are not remembered, so that the next run asks again.
        within: What of the nodes it searches; part of the journal's keys.

    Attributes:
        faults: Failed calls by problem, those that a retry mended among them.
    """

    def __init__(
        self, name: str, retriever: Any, asking: Asking, journal: Journal | None = None, within: str | None = None
    ) -> None:
        self.name, self.retriever, self.asking, self.journal, self.within = name, retriever, asking, journal, within
        self.faults: Counter[str] = Counter()
        self._lost_in_a_row = 0
        self._lock = threading.Lock()
        self._asynchronous = asking.concurrency > 1 and _has_own_aretrieve(retriever)

    def ask(self, queries: Sequence[str], show_progress: bool = False) -> dict[str, Answer]:
        """The answer to every different query."""
        different = list(dict.fromkeys(queries))
        answers: dict[str, Answer] = {}
        with tqdm(total=len(different), desc=f"retrieving ({self.name})", disable=not show_progress) as bar:
            for query, answer in self._answers(different):
                answers[query] = answer
                bar.update()
        return answers

    def _answers(self, queries: Sequence[str]) -> Iterator[tuple[str, Answer]]:
        if not hasattr(self.retriever, "retrieve_batch"):
            yield from self._one_by_one(queries)
            return
        for start in range(0, len(queries), BLOCK):
            yield from self._block(queries[start : start + BLOCK])

    def _block(self, queries: Sequence[str]) -> Iterator[tuple[str, Answer]]:
        remembered = [self._remembered(query) for query in queries]
        if None not in remembered:
            yield from ((query, answer) for query, answer in zip(queries, remembered, strict=True) if answer)
            return
        try:
            answers = [_answer(found) for found in self.retriever.retrieve_batch(queries)]
            paired = list(zip(queries, answers, strict=True))
        except RerankTunerError:
            raise
        except Exception as error:
            self.faults[_describe(error)] += 1
            yield from self._one_by_one(queries)
            return
        for query, answer in paired:
            self._remember(query, answer)
            yield query, answer

    def _one_by_one(self, queries: Sequence[str]) -> Iterator[tuple[str, Answer]]:
        if self.asking.concurrency == 1:
            yield from ((query, self._asked(query)) for query in queries)
            return
        workers = ThreadPoolExecutor(self.asking.concurrency, thread_name_prefix="rerank-tuner-retrieving")
        try:
            yield from zip(queries, workers.map(self._asked, queries), strict=True)
        finally:
            workers.shutdown(wait=False, cancel_futures=True)

    def _asked(self, query: str) -> Answer:
        remembered = self._remembered(query)
        if remembered is not None:
            return remembered
        if self._lost_in_a_row >= LOST_IN_A_ROW:
            return Answer((), f"not asked: {LOST_IN_A_ROW} queries in a row got no answer")
        answer = self._tried(query)
        with self._lock:
            self._lost_in_a_row = 0 if answer.problem is None else self._lost_in_a_row + 1
        if answer.problem is None:
            self._remember(query, answer)
        return answer

    def _tried(self, query: str) -> Answer:
        problem = ""
        for attempt in range(1 + self.asking.retries):
            if attempt:
                time.sleep(self.asking.pause * 2 ** (attempt - 1))
            try:
                return _answer(self._call(query))
            except RerankTunerError:
                raise
            except Exception as error:
                problem = self._describe(error)
                with self._lock:
                    self.faults[problem] += 1
        return Answer((), problem)

    def _call(self, query: str) -> Sequence[NodeWithScore]:
        if self._asynchronous:
            return run_in_background(self._awaited(query))
        call = _synchronous_call(self.retriever)
        if call is None:
            return run_in_background(self._awaited(query))
        try:
            return call(query) if self.asking.timeout is None else _within(self.asking.timeout, lambda: call(query))
        except NotImplementedError:
            if not _has_own_aretrieve(self.retriever):
                raise
            return run_in_background(self._awaited(query))

    async def _awaited(self, query: str) -> Sequence[NodeWithScore]:
        found: Sequence[NodeWithScore] = await asyncio.wait_for(self.retriever.aretrieve(query), self.asking.timeout)
        return found

    def _describe(self, error: Exception) -> str:
        if isinstance(error, TimeoutError) and self.asking.timeout is not None and not str(error):
            return f"no answer within {self.asking.timeout:g} s"
        return _describe(error)

    def _key(self, query: str) -> str:
        return content_hash(self.name, self.within, query)

    def _remembered(self, query: str) -> Answer | None:
        found = None if self.journal is None else self.journal.get(self._key(query))
        return None if found is None else Answer(tuple((node_id, score) for node_id, score in found))

    def _remember(self, query: str, answer: Answer) -> None:
        if self.journal is not None and self._key(query) not in self.journal:
            self.journal.append(self._key(query), answer.found)


def describe_retriever(retriever: Any) -> dict[str, Any]:
    """What of a retriever its answers depend on, as far as it tells: class and depth; of a wrapper, what it wraps."""
    inner = getattr(retriever, "retriever", None)
    if inner is not None:
        return describe_retriever(inner)
    named = getattr(retriever, "__name__", None) or type(retriever).__name__
    return {"retriever": named, "similarity_top_k": getattr(retriever, "similarity_top_k", None)}


def _answer(found: Sequence[NodeWithScore]) -> Answer:
    return Answer(tuple((each.node.node_id, _score(each.score)) for each in found))


def _score(score: float | None) -> float | None:
    return None if score is None or not math.isfinite(score) else float(score)


def _describe(error: Exception) -> str:
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0][:120]}" if said else type(error).__name__


def _has_own_aretrieve(retriever: Any) -> bool:
    """Whether ``aretrieve`` does more than LlamaIndex's default, which calls the synchronous one."""
    from llama_index.core.retrievers import BaseRetriever

    if isinstance(retriever, BaseRetriever):
        return type(retriever)._aretrieve is not BaseRetriever._aretrieve
    return hasattr(retriever, "aretrieve")


def _synchronous_call(retriever: Any) -> Callable[[str], Sequence[NodeWithScore]] | None:
    call: Callable[[str], Sequence[NodeWithScore]] | None = getattr(retriever, "retrieve", None)
    return call


def _within(seconds: float, call: Callable[[], Sequence[NodeWithScore]]) -> Sequence[NodeWithScore]:
    """Call in a thread that nobody waits for longer: a call that hangs keeps neither the run nor its end."""
    future: Future[Sequence[NodeWithScore]] = Future()

    def work() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=work, name="rerank-tuner-retrieving", daemon=True).start()
    return future.result(seconds)
