"""Asking an LLM many prompts politely: few at a time, with pauses, within a budget, and never twice."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from tqdm import tqdm

from llama_index_rerank_tuner.errors import ConfigError, RerankTunerError
from llama_index_rerank_tuner.journal import Journal
from llama_index_rerank_tuner.questions.background import run_in_background
from llama_index_rerank_tuner.questions.faults import Fault, describe, fault_of, pause_after

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

ValueT = TypeVar("ValueT")

LOST_PROMPTS = 5
"""So many prompts in a row without any answer mean that the service is down: the run stops."""


@dataclass(frozen=True, slots=True)
class Manners:
    """How an LLM is asked.

    Args:
        concurrency: Calls under way at once.
        retries: Further tries for a prompt, after a failed call and after an unreadable answer.
        timeout: Seconds a call may take.
        pause: Seconds before the first retry of a failed call; doubled each time.
        max_calls: Most calls this run makes, failed ones counted; None for no cap.
        max_tokens: Most tokens (prompts and answers) this run pays for; None for no cap.

    Raises:
        ConfigError: A value cannot work.
    """

    concurrency: int = 4
    retries: int = 3
    timeout: float = 60.0
    pause: float = 1.0
    max_calls: int | None = None
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.retries < 0 or self.timeout <= 0 or self.pause < 0:
            raise ConfigError(
                "Expected concurrency of at least 1, retries and pause of at least 0 and a timeout above 0, got "
                f"{self.concurrency}, {self.retries}, {self.pause} and {self.timeout}."
            )
        for name, cap in (("max_calls", self.max_calls), ("max_tokens", self.max_tokens)):
            if cap is not None and cap < 0:
                raise ConfigError(f"{name} must be at least 0, or None for no cap, got {cap}.")


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


@dataclass(slots=True)
class Usage:
    """What a run cost. ``remembered`` answers came from the journal and cost nothing; ``stopped`` says why it ended."""

    calls: int = 0
    tokens: int = 0
    remembered: int = 0
    unreadable: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None


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
        asker = _Asker(llm, read, manners, memory, answer_tokens)
        different = {prompt.key: prompt for prompt in prompts}
        with tqdm(total=len(different), desc=title, disable=not show_progress) as bar:
            replies = run_in_background(asker.ask(list(different.values()), lambda: bar.update()))
    return [replies[prompt.key] for prompt in prompts], asker.usage


class _Asker(Generic[ValueT]):
    def __init__(
        self,
        llm: LLM,
        read: Callable[[str], ValueT | None],
        manners: Manners,
        memory: Journal | None,
        answer_tokens: int,
    ) -> None:
        from llama_index.core.utils import get_tokenizer

        self.llm, self.read, self.manners, self.memory = llm, read, manners, memory
        self.answer_tokens = answer_tokens
        self.tokenize: Callable[[str], list[Any]] = get_tokenizer()
        self.call = _call_of(llm)
        self.usage = Usage()
        self.reserved = 0
        self.lost_in_a_row = 0

    async def ask(self, prompts: Sequence[Prompt], answered: Callable[[], object]) -> dict[str, Reply[ValueT]]:
        replies: dict[str, Reply[ValueT]] = {}
        waiting = iter(prompts)

        async def work(waiting: Iterator[Prompt]) -> None:
            for prompt in waiting:
                replies[prompt.key] = await self._reply(prompt)
                answered()

        workers = [asyncio.create_task(work(waiting)) for _ in range(self.manners.concurrency)]
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
        for attempt in range(1 + self.manners.retries):
            text = prompt.text if attempt == 0 else prompt.text + prompt.reminder
            try:
                raw = await self._answer(f"{prompt.key}:{attempt}", text)
            except _NotAskedError:
                return Reply(None, raw, f"not asked: {self.usage.stopped}", asked=False)
            except _LostError as error:
                return Reply(None, raw, str(error))
            value = self.read(raw)
            if value is not None:
                return Reply(value, raw)
            self.usage.unreadable += 1
        return Reply(None, raw, f"no readable answer in {1 + self.manners.retries} tries")

    async def _answer(self, key: str, text: str) -> str:
        """The answer of the journal, or else of the LLM, which then goes into the journal."""
        remembered = None if self.memory is None else self.memory.get(key)
        if remembered is not None:
            self.usage.remembered += 1
            return str(remembered["answer"])
        answer, tokens = await self._paid_answer(text)
        if self.memory is not None:
            self.memory.append(key, {"answer": answer, "tokens": tokens})
        return answer

    async def _paid_answer(self, text: str) -> tuple[str, int]:
        for failures in range(1, 2 + self.manners.retries):
            try:
                return await self._one_call(text)
            except (_NotAskedError, RerankTunerError):
                raise
            except Exception as error:
                self.usage.faults[describe(error)] += 1
                kind, last = fault_of(error), failures > self.manners.retries
                if kind is Fault.OF_THE_SETUP:
                    raise RerankTunerError(
                        f"The LLM cannot be asked: {describe(error)}. Check its name, its key and its settings."
                    ) from error
                if last or kind is Fault.OF_THE_PROMPT:
                    self._lose(kind, describe(error))
                    raise _LostError(f"the call failed {failures} times: {describe(error)}") from error
                await asyncio.sleep(pause_after(error, failures, self.manners.pause))
        raise _LostError("the call failed")

    async def _one_call(self, text: str) -> tuple[str, int]:
        expected = len(self.tokenize(text)) + self.answer_tokens
        self._check_caps(expected)
        self.usage.calls += 1
        self.reserved += expected
        try:
            response = await asyncio.wait_for(self.call(text), self.manners.timeout)
        finally:
            self.reserved -= expected
        answer = response.text or ""
        tokens = _tokens_told(response) or len(self.tokenize(text)) + len(self.tokenize(answer))
        self.usage.tokens += tokens
        self.lost_in_a_row = 0
        return answer, tokens

    def _check_caps(self, expected: int) -> None:
        calls, tokens = self.manners.max_calls, self.manners.max_tokens
        if calls is not None and self.usage.calls >= calls:
            self.usage.stopped = self.usage.stopped or f"the cap of {calls} calls is reached"
        if tokens is not None and self.usage.tokens + self.reserved + expected > tokens:
            self.usage.stopped = self.usage.stopped or f"the cap of {tokens} tokens is reached"
        if self.usage.stopped is not None:
            raise _NotAskedError

    def _lose(self, kind: Fault, problem: str) -> None:
        if kind is Fault.PASSING:
            self.lost_in_a_row += 1
        if self.lost_in_a_row >= LOST_PROMPTS:
            self.usage.stopped = self.usage.stopped or f"{LOST_PROMPTS} prompts in a row got no answer ({problem})"


class _NotAskedError(Exception):
    """A cap is reached: the prompt is left for the next run."""


class _LostError(Exception):
    """A prompt's calls failed for good."""


def _call_of(llm: LLM) -> Callable[[str], Any]:
    """The LLM's asynchronous call; a thread for one that has only the synchronous call, which would block."""
    from llama_index.core.llms import CustomLLM

    if type(llm).acomplete is CustomLLM.acomplete:
        return lambda text: asyncio.to_thread(llm.complete, text)
    return lambda text: llm.acomplete(text)


def _tokens_told(response: Any) -> int | None:
    """The number of tokens that the service says it charges; None where it does not say."""
    told = (response.additional_kwargs or {}).get("total_tokens")
    return told if isinstance(told, int) and told > 0 else None
