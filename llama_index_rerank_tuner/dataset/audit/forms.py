"""Normal forms as numbers, so that a million texts can be compared without being held twice."""

from __future__ import annotations

from collections.abc import Iterable

from llama_index_rerank_tuner.dataset.likeness.near_duplicates import normalised
from llama_index_rerank_tuner.records import Passage, RerankExample


class Forms:
    """Gives texts with the same normal form the same number; every text is normalised once.

    Example:
        >>> forms = Forms()
        >>> forms("Who may apply?") == forms("who  may apply")
        True
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        """The number of a text's normal form: 64 bits, so two forms out of a million share one by chance of 3e-8."""
        number = self._numbers.get(text)
        if number is None:
            number = self._numbers[text] = hash(normalised(text))
        return number

    def pair(self, example: RerankExample, passage: Passage) -> int:
        """The number of a question with a passage."""
        return hash((self(example.query), self(passage.text)))

    def positive_pairs(self, examples: Iterable[RerankExample]) -> set[int]:
        """The numbers of all pairs marked relevant."""
        return {self.pair(example, passage) for example in examples for passage in example.positives}
