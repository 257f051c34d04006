"""Length: how many pairs a model of a given ``max_length`` cuts, and how much of the positives it loses."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from llama_index_rerank_tuner.dataset.audit.finding import Finding, RecordLink, found, link
from llama_index_rerank_tuner.records import RerankExample

QUESTIONS_MEASURED = 100_000
"""Questions whose pairs are measured, at most; of more, a sample is measured, and the report says so."""
SPECIAL_TOKENS = 3
"""What a BERT-like cross-encoder puts around and between query and passage."""
MANY_CUT = 0.05
"""From this share of cut positives on a person should look."""
TOKENS_A_WORD = 1.3

_CJK = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff]")


def estimate_tokens(text: str) -> int:
    """A guess at a text's tokens without a tokenizer: 1 for a Chinese, Japanese or Korean character, 1.3 for a word.

    Example:
        >>> estimate_tokens("Which form?"), estimate_tokens("哪张表格")
        (3, 4)
    """
    return len(_CJK.findall(text)) + math.ceil(TOKENS_A_WORD * len(_CJK.sub(" ", text).split()))


@dataclass(frozen=True, slots=True)
class Lengths:
    """What a model that reads ``max_length`` tokens loses of the pairs.

    Args:
        max_length: Longest pair in tokens.
        estimated: Whether the tokens were guessed, for want of a tokenizer.
        pairs: Pairs measured.
        pairs_cut: Pairs longer than ``max_length``.
        positives: Relevant pairs measured.
        positives_cut: Relevant pairs longer than ``max_length``.
        positive_share_lost: Share of the tokens of all positives that is cut off.
        questions: Questions measured.
        of_questions: Questions there are.
    """

    max_length: int
    estimated: bool
    pairs: int
    pairs_cut: int
    positives: int
    positives_cut: int
    positive_share_lost: float
    questions: int
    of_questions: int

    def to_dict(self) -> dict[str, Any]:
        """The figures for a JSON report."""
        return asdict(self)

    def __str__(self) -> str:
        """One line for the table."""
        how = "tokens, by an estimate without a tokenizer" if self.estimated else "tokens"
        scope = "" if self.questions == self.of_questions else f", {self.questions:,} questions sampled"
        return (
            f"{self.pairs_cut:,} of {self.pairs:,} pairs are longer than {self.max_length} {how}{scope}; "
            f"{self.positive_share_lost:.1%} of the positives' text is lost"
        )


class _Ruler:
    """Counts each text's tokens once."""

    def __init__(self, count_tokens: Callable[[str], int], max_length: int) -> None:
        self.count_tokens, self.max_length = count_tokens, max_length
        self._known: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        if text not in self._known:
            self._known[text] = self.count_tokens(text)
        return self._known[text]

    def lost(self, query: str, passage: str) -> int:
        """Tokens of the passage that are cut off; the query keeps its own as long as it can."""
        room = max(0, self.max_length - SPECIAL_TOKENS - self(query))
        return max(0, self(passage) - room)


def measure(
    examples: Sequence[RerankExample], max_length: int, count_tokens: Callable[[str], int] | None, seed: int, cap: int
) -> tuple[Lengths, list[Finding]]:
    """Measure the pairs of a data set.

    Args:
        examples: The questions.
        max_length: Longest pair in tokens.
        count_tokens: Number of tokens of a text; None to estimate.
        seed: Draws the sample of a large set.
        cap: How many records a finding names.
    """
    ruler = _Ruler(count_tokens or estimate_tokens, max_length)
    measured = examples
    if len(examples) > QUESTIONS_MEASURED:
        measured = random.Random(seed).sample(examples, QUESTIONS_MEASURED)
    negatives_cut = sum(ruler.lost(e.query, p.text) > 0 for e in measured for p in e.negatives)
    lost = [ruler.lost(e.query, p.text) for e in measured for p in e.positives]
    positive_tokens = sum(ruler(p.text) for e in measured for p in e.positives)
    lengths = Lengths(
        max_length=max_length,
        estimated=count_tokens is None,
        pairs=len(lost) + sum(len(example.negatives) for example in measured),
        pairs_cut=negatives_cut + sum(each > 0 for each in lost),
        positives=len(lost),
        positives_cut=sum(each > 0 for each in lost),
        positive_share_lost=sum(lost) / positive_tokens if positive_tokens else 0.0,
        questions=len(measured),
        of_questions=len(examples),
    )
    return lengths, _findings(lengths, _cut_positives(measured, ruler), cap)


def _findings(lengths: Lengths, cut: Iterator[RecordLink], cap: int) -> list[Finding]:
    grave = lengths.positives_cut >= MANY_CUT * lengths.positives
    guess = " (an estimate)" if lengths.estimated else ""
    sentence = (
        f"Positives that are longer than {lengths.max_length} tokens with their question{guess}, so that the end is "
        f"never read: {{n}} of {lengths.positives:,}."
    )
    return found("positive is cut", "should look" if grave else "note", cut, cap, sentence)


def _cut_positives(examples: Sequence[RerankExample], ruler: _Ruler) -> Iterator[RecordLink]:
    for example in examples:
        for positive in example.positives:
            if lost := ruler.lost(example.query, positive.text):
                yield link(example, positive, f"loses {lost} of {ruler(positive.text)} tokens")
