"""How an LLM is asked, and what asking it cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from llama_index_rerank_tuner.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Manners:
    """How an LLM is asked.

    Args:
        concurrency: Calls under way at once; None for 4, or for 1 where the LLM has only a synchronous call.
        retries: Further tries for a prompt, after a failed call and after an unreadable answer.
        timeout: Seconds a call may take.
        pause: Seconds before the first retry of a failed call; doubled each time.
        max_calls: Most calls this run makes, failed ones counted; None for no cap.
        max_tokens: Most tokens (prompts and answers) this run pays for; None for no cap.

    Raises:
        ConfigError: A value cannot work.
    """

    concurrency: int | None = None
    retries: int = 3
    timeout: float = 60.0
    pause: float = 1.0
    max_calls: int | None = None
    max_tokens: int | None = None

    def __post_init__(self) -> None:
        too_few = self.concurrency is not None and self.concurrency < 1
        if too_few or self.retries < 0 or self.timeout <= 0 or self.pause < 0:
            raise ConfigError(
                "Expected concurrency of at least 1, retries and pause of at least 0 and a timeout above 0, got "
                f"{self.concurrency}, {self.retries}, {self.pause} and {self.timeout}."
            )
        for name, cap in (("max_calls", self.max_calls), ("max_tokens", self.max_tokens)):
            if cap is not None and cap < 0:
                raise ConfigError(f"{name} must be at least 0, or None for no cap, got {cap}.")


@dataclass(slots=True)
class Usage:
    """What a run cost. ``remembered`` answers came from the journal and cost nothing; ``stopped`` says why it ended."""

    calls: int = 0
    tokens: int = 0
    remembered: int = 0
    unreadable: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None
