"""``TextWatch``: says once where a served text or scope is another than one would expect."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.errors import RerankTunerWarning
from llama_index_rerank_tuner.reranking.scope_watch import ScopeWatch
from llama_index_rerank_tuner.text import TextContract

if TYPE_CHECKING:
    from llama_index.core.schema import NodeWithScore

_STACK_LEVEL = 7
"""The line that called ``postprocess_nodes``, behind LlamaIndex's wrappers."""


class TextWatch:
    """Compares the served texts with those that LlamaIndex's own reranker would read, and their scope with the tuned.

    Args:
        model: Name of the model, for the warnings.
        contract: The contract it is served under.
    """

    def __init__(self, model: str, contract: TextContract) -> None:
        self._model, self._contract = model, contract
        self._scope: ScopeWatch | None = ScopeWatch(contract.scope)
        default = TextContract()
        same_query = contract.query_template == default.query_template
        self._same_templates = same_query and contract.passage_template == default.passage_template
        self._compares_text = not self._same_templates or contract.metadata_mode != default.metadata_mode

    def look(self, nodes: Sequence[NodeWithScore]) -> None:
        """Warn, once each, of other texts and of another scope."""
        if self._compares_text and any(self._differs(each) for each in nodes):
            self._compares_text = False
            self._warn_of_other_text()
        sign = self._scope.other_scope(nodes) if self._scope is not None else None
        if sign is not None:
            self._scope = None
            self._warn_of_other_scope(sign)

    def _differs(self, found: NodeWithScore) -> bool:
        return not self._same_templates or TextContract().content(found.node) != self._contract.content(found.node)

    def _warn_of_other_text(self) -> None:
        contract = self._contract
        served = f"metadata mode {contract.metadata_mode!r}"
        if not self._same_templates:
            served += f" and the templates {contract.query_template!r} and {contract.passage_template!r}"
        warnings.warn(
            f"{self._model} was tuned on texts with {served} and is served so. SentenceTransformerRerank would give it "
            "the nodes' EMBED text as it is, and may rank otherwise. To tune on what it reads, make the data with "
            "RerankDataset.from_nodes and leave the contract as it is by default.",
            RerankTunerWarning,
            stacklevel=_STACK_LEVEL,
        )

    def _warn_of_other_scope(self, sign: str) -> None:
        warnings.warn(
            f"{self._model} was tuned on candidates of the scope {self._contract.scope!r}, and {sign}. A reranker can "
            "do worse than before in a scope that it was not tuned for: mine with scope= as the app retrieves, and "
            "tune again.",
            RerankTunerWarning,
            stacklevel=_STACK_LEVEL,
        )
