"""Which training questions a passage is known to answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from llama_index_rerank_tuner.dataset.likeness.normal_form import normalised
from llama_index_rerank_tuner.records import Passage, RerankExample


class KnownAnswers:
    """Finds the questions that have a passage among their positives, by its id or by its text.

    Args:
        examples: The questions.

    Example:
        >>> fee = Passage("The fee is 40 crowns.", node_id="n1")
        >>> known = KnownAnswers([RerankExample("q1", "What is the fee?", (fee,))])
        >>> [each.query_id for each in known.questions(Passage("the fee is 40 crowns", node_id="n7"))]
        ['q1']
    """

    def __init__(self, examples: Iterable[RerankExample] = ()) -> None:
        self._by_id: defaultdict[str, dict[str, RerankExample]] = defaultdict(dict)
        self._by_form: defaultdict[int, dict[str, RerankExample]] = defaultdict(dict)
        for example in examples:
            for positive in example.positives:
                self._by_id[positive.key][example.query_id] = example
                if (form := _form(positive.text)) is not None:
                    self._by_form[form][example.query_id] = example

    def questions(self, passage: Passage) -> list[RerankExample]:
        """The questions that the passage answers, each once."""
        form = _form(passage.text)
        same_text = self._by_form.get(form, {}) if form is not None else {}
        return list({**self._by_id.get(passage.key, {}), **same_text}.values())


@lru_cache(maxsize=20_000)
def _form(text: str) -> int | None:
    """The hash of a text's normal form; None for an empty text, which says nothing."""
    form = normalised(text)
    return hash(form) if form else None
