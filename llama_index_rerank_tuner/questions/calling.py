"""One call to an LLM, with its retries, within a budget that all calls of a run share."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.errors import RerankTunerError
from llama_index_rerank_tuner.questions.faults import Fault, describe, fault_of, pause_after
from llama_index_rerank_tuner.questions.manners import Manners, Usage

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

LOST_PROMPTS = 5
"""So many prompts in a row without any answer mean that the service is down: the run stops."""

AT_ONCE = 4
"""Calls under way at once, where nothing else is asked for."""


class NotAskedError(Exception):
    """The run has stopped: the prompt is left for the next one."""


class LostError(Exception):
    """A prompt's calls failed for good."""


class Caller:
    """Calls an LLM for several tasks at once, and counts what it costs.

    An LLM that has only a synchronous call is called in threads, one call at a time unless the manners say more: local
    models (llama.cpp, Transformers) bear no two calls at once.

    Args:
        llm: Any LlamaIndex LLM.
        manners: How to call it.
        answer_tokens: About how long an answer is, for the token cap.
    """

    def __init__(self, llm: LLM, manners: Manners, answer_tokens: int) -> None:
        from llama_index.core.utils import get_tokenizer

        self.llm, self.manners, self.usage = llm, manners, Usage()
        self.synchronous = _only_synchronous(llm)
        self.concurrency = manners.concurrency or (1 if self.synchronous else AT_ONCE)
        self._tokenize: Callable[[str], list[Any]] = get_tokenizer()
        self._longest_answer = answer_tokens
        self._reserved = 0
        self._lost_in_a_row = 0
        self._threads = ThreadPoolExecutor(self.concurrency, "rerank-tuner-llm") if self.synchronous else None

    async def answer(self, text: str) -> tuple[str, int]:
        """The LLM's answer and its tokens, prompt included.

        Raises:
            NotAskedError: A cap is reached, or the service is down.
            LostError: No call succeeded.
            RerankTunerError: The LLM cannot be asked at all.
        """
        failures = 0
        while True:
            try:
                return await self._call(text)
            except (NotAskedError, RerankTunerError):
                raise
            except Exception as error:
                failures += 1
                self._note(error, failures)
                await asyncio.sleep(pause_after(error, failures, self.manners.pause))

    def close(self) -> None:
        """Let the threads go; one that hangs is not waited for."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _call(self, text: str) -> tuple[str, int]:
        asked = len(self._tokenize(text))
        expected = asked + self._longest_answer
        self._check_caps(expected)
        self.usage.calls += 1
        self._reserved += expected
        try:
            response = await asyncio.wait_for(self._completion(text), self.manners.timeout)
        finally:
            self._reserved -= expected
        answer = response.text or ""
        tokens = _tokens_told(response) or asked + len(self._tokenize(answer))
        self.usage.tokens += tokens
        self._longest_answer = max(self._longest_answer, tokens - asked)
        self._lost_in_a_row = 0
        return answer, tokens

    async def _completion(self, text: str) -> Any:
        if self._threads is None:
            return await self.llm.acomplete(text)
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, context.run, self.llm.complete, text)

    def _check_caps(self, expected: int) -> None:
        calls, tokens = self.manners.max_calls, self.manners.max_tokens
        if calls is not None and self.usage.calls >= calls:
            self._stop(f"the cap of {calls} calls is reached")
        if tokens is not None and self.usage.tokens + self._reserved + expected > tokens:
            self._stop(f"the cap of {tokens} tokens is reached")
        if self.usage.stopped is not None:
            raise NotAskedError

    def _note(self, error: Exception, failures: int) -> None:
        """Count a failed call, and raise where there is no use in another one."""
        self.usage.faults[describe(error)] += 1
        kind = fault_of(error)
        if kind is Fault.OF_THE_SETUP:
            raise RerankTunerError(
                f"The LLM cannot be asked: {describe(error)}. Check its name, its key and its settings."
            ) from error
        if kind is Fault.PASSING and failures <= self.manners.retries:
            return
        # What is refused before anything was answered is hardly the fault of each prompt.
        self._lost_in_a_row += kind is Fault.PASSING or self.usage.tokens == 0
        if self._lost_in_a_row >= LOST_PROMPTS:
            self._stop(f"{LOST_PROMPTS} prompts in a row got no answer ({describe(error)})")
        raise LostError(f"the call failed {failures} times: {describe(error)}") from error

    def _stop(self, reason: str) -> None:
        self.usage.stopped = self.usage.stopped or reason


def _only_synchronous(llm: LLM) -> bool:
    """Whether its asynchronous call is ``CustomLLM``'s, which blocks the event loop with the synchronous one."""
    from llama_index.core.llms import CustomLLM

    # LlamaIndex's instrumentation wraps the methods of a class anew.
    return inspect.unwrap(type(llm).acomplete) is inspect.unwrap(CustomLLM.acomplete)


def _tokens_told(response: Any) -> int | None:
    """The number of tokens that the service says it charges; None where it does not say."""
    told = (response.additional_kwargs or {}).get("total_tokens")
    return told if isinstance(told, int) and told > 0 else None
