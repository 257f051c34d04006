"""Asking an LLM many prompts politely: few at a time, with pauses, within a budget, and never twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tqdm import tqdm

from llama_index_rerank_tuner.background import run_in_background
from llama_index_rerank_tuner.journal import Journal
from llama_index_rerank_tuner.questions.calling import Caller, LostError, NotAskedError
from llama_index_rerank_tuner.questions.manners import Manners, Usage

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One thing to ask.

    Args:
        key: Content hash of all that the answer depends on.
        text: The prompt.
        reminder: Added to the text when it is asked again after an unreadable answer.
    """

    key: str
    text: str
    reminder: str


@dataclass(frozen=True, slots=True)
class Reply(Generic[ValueT]):
    """What came of a prompt: ``value`` where an answer could be read, else ``problem``.

    ``raw`` is the last answer, readable or not; None when there was none. ``asked`` is False for a prompt that a cap
    kept from being asked.
    """

    value: ValueT | None
    raw: str | None
    problem: str | None = None
    asked: bool = True


def model_settings(llm: LLM) -> dict[str, Any]:
    """What of an LLM its answers depend on, as far as it tells: name and temperature."""
    name = llm.metadata.model_name
    return {
        "model": name if name and name != "unknown" else llm.class_name(),
        "temperature": getattr(llm, "temperature", None),
    }


def ask_all(
    llm: LLM,
    prompts: Sequence[Prompt],
    read: Callable[[str], ValueT | None],
    manners: Manners,
    *,
    journal: str | Path | None,
    settings: Mapping[str, Any],
    answer_tokens: int,
    title: str,
    show_progress: bool = False,
) -> tuple[list[Reply[ValueT]], Usage]:
    """Ask an LLM, and read its answers.

    Every answer is journalled before it is used, unreadable ones too, so that none is paid for twice. Prompts with
    the same key are asked once.

    Args:
        llm: Any LlamaIndex LLM.
        prompts: What to ask, in this order.
        read: From an answer to its value; None where it is unreadable.
        manners: How to ask.
        journal: File of answers; None to remember nothing.
        settings: What all answers depend on; another journal's are refused.
        answer_tokens: About how long an answer is, for the token cap.
        title: Name of the progress bar.
        show_progress: Show it.

    Returns:
        A reply for each prompt, in order, and what they cost.

    Raises:
        DataError: The journal is damaged or was made with other settings.
        RerankTunerError: The LLM cannot be asked at all (key, permission, model name), or the journal is in use.
    """
    with contextlib.nullcontext() if journal is None else Journal(journal, settings) as memory:
        caller = Caller(llm, manners, answer_tokens)
        asker = _Asker(caller, read, manners.retries, memory)
        different = {prompt.key: prompt for prompt in prompts}
        try:
            with tqdm(total=len(different), desc=title, disable=not show_progress) as bar:
                replies = run_in_background(asker.ask(list(different.values()), lambda: bar.update()))
        finally:
            caller.close()
    return [replies[prompt.key] for prompt in prompts], caller.usage


class _Asker(Generic[ValueT]):
    def __init__(
        self, caller: Caller, read: Callable[[str], ValueT | None], retries: int, memory: Journal | None
    ) -> None:
        self.caller, self.read, self.retries, self.memory = caller, read, retries, memory
        self.usage = caller.usage

    async def ask(self, prompts: Sequence[Prompt], answered: Callable[[], object]) -> dict[str, Reply[ValueT]]:
        replies: dict[str, Reply[ValueT]] = {}
        waiting = iter(prompts)

        async def work(waiting: Iterator[Prompt]) -> None:
            for prompt in waiting:
                replies[prompt.key] = await self._reply(prompt)
                answered()

        workers = [asyncio.create_task(work(waiting)) for _ in range(self.caller.concurrency)]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return replies

    async def _reply(self, prompt: Prompt) -> Reply[ValueT]:
        """Ask until an answer can be read; each try's answer has a key of its own in the journal."""
        raw: str | None = None
        for attempt in range(1 + self.retries):
            text = prompt.text if attempt == 0 else prompt.text + prompt.reminder
            try:
                raw = await self._answer(f"{prompt.key}:{attempt}", text)
            except NotAskedError:
                return Reply(None, raw, f"not asked: {self.usage.stopped}", asked=False)
            except LostError as error:
                return Reply(None, raw, str(error))
            value = self.read(raw)
            if value is not None:
                return Reply(value, raw)
            self.usage.unreadable += 1
        return Reply(None, raw, f"no readable answer in {1 + self.retries} tries")

    async def _answer(self, key: str, text: str) -> str:
        """The answer of the journal, or else of the LLM, which then goes into the journal."""
        remembered = None if self.memory is None else self.memory.get(key)
        if remembered is not None:
            self.usage.remembered += 1
            return str(remembered["answer"])
        answer, tokens = await self.caller.answer(text)
        if self.memory is not None:
            self.memory.append(key, {"answer": answer, "tokens": tokens})
        return answer
