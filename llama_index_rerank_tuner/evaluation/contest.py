"""The contest itself: every question replayed to a contestant, by one worker or several, and remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from tqdm import tqdm

from llama_index_rerank_tuner.evaluation.memory import ContestantMemory
from llama_index_rerank_tuner.evaluation.replay import Replay, replayed
from llama_index_rerank_tuner.journal import Journal
from llama_index_rerank_tuner.records import RerankExample

if TYPE_CHECKING:
    from llama_index.core.postprocessor.types import BaseNodePostprocessor

AskedT = TypeVar("AskedT")
AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True, slots=True)
class Contest:
    """How questions are replayed.

    Args:
        workers: Threads; with one, contestants are called in the caller's own thread.
        journal: Where replays are remembered, so that none is paid for twice; None to forget.
        show_progress: Show a progress bar for each contestant.
        stopped: Once set, no further question is asked.
    """

    workers: int = 1
    journal: Journal | None = None
    show_progress: bool = False
    stopped: Event = field(default_factory=Event)

    def replays(
        self, examples: Sequence[RerankExample], name: str, contestant: BaseNodePostprocessor | None
    ) -> dict[str, Replay]:
        """One contestant's replay of every question.

        Raises:
            Exception: Whatever the contestant raises, with a note that names it and the question.
        """
        memory = None
        if self.journal is not None and contestant is not None:
            memory = ContestantMemory(self.journal, name, contestant)

        def ask(example: RerankExample) -> Replay:
            if memory is None:
                return _replayed(example, name, contestant)
            key = memory.key(example)
            known = memory.recall(key)
            if known is None:
                known = _replayed(example, name, contestant)
                memory.keep(key, known)
            return known

        answers = tqdm(self.answers(ask, examples), f"benchmark: {name}", len(examples), disable=not self.show_progress)
        return {example.query_id: answer for example, answer in zip(examples, answers, strict=True)}

    def answers(self, ask: Callable[[AskedT], AnswerT], asked: Sequence[AskedT]) -> Iterator[AnswerT]:
        """What ``ask`` gives for each, in order, by as many workers as there are."""

        def unless_stopped(each: AskedT) -> AnswerT:
            if self.stopped.is_set():
                raise CancelledError("The benchmark was cancelled.")
            return ask(each)

        if self.workers == 1:
            yield from map(unless_stopped, asked)
            return
        pool = ThreadPoolExecutor(self.workers, "benchmark")
        try:
            yield from pool.map(unless_stopped, asked)
        finally:
            pool.shutdown(cancel_futures=True)


def _replayed(example: RerankExample, name: str, contestant: BaseNodePostprocessor | None) -> Replay:
    try:
        return replayed(example, contestant)
    except Exception as error:
        error.add_note(f"Raised by the contestant {name!r} at {example.place}.")
        raise
