"""``TextContract``: the only function that turns a query and a node into model text."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.json_files import read_record, write_json

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

CONTRACT_FILE = "rerank_contract.json"
CORPUS, GROUP, METADATA = "corpus", "group", "metadata:"
"""What ``TextContract.scope`` is made of; a key follows the last."""
MIXED = " + "
"""Stands between the parts of a mixed scope."""
MetadataChoice = Literal["embed", "none", "llm", "all"]


@dataclass(frozen=True, slots=True)
class TextContract:
    """How a query and a node become the text that a reranker reads.

    The same contract makes the text for mining, training, evaluation and serving, and travels in the checkpoint.

    Args:
        metadata_mode: Which of a node's metadata stands in its text: ``embed`` (what LlamaIndex's own rerankers
            score), ``none``, ``llm`` or ``all``. Models trained on bare strings have ``none``.
        query_template: Template with one ``{query}``.
        passage_template: Template with one ``{passage}``.
        max_length: Longest pair in tokens; what is longer is cut. 512 is LlamaIndex's own.
        retriever: Name of the retriever whose candidates it was trained to rank; None when unknown.
        scope: Which passages those candidates were among: ``corpus`` for all of them, ``group`` for the query's own
            source document, ``metadata:<key>`` for those that share a value with it, a mix of these (``mining.Scope``);
            None when unknown. Serving candidates that show another scope gives one warning.

    Raises:
        ConfigError: A template lacks its field, or ``max_length`` is not positive.

    Example:
        >>> TextContract(query_template="question: {query}").query_text("Who may apply?")
        'question: Who may apply?'
    """

    metadata_mode: MetadataChoice = "embed"
    query_template: str = "{query}"
    passage_template: str = "{passage}"
    max_length: int = 512
    retriever: str | None = None
    scope: str | None = None

    def __post_init__(self) -> None:
        for name, template in (("query", self.query_template), ("passage", self.passage_template)):
            if template.count(f"{{{name}}}") != 1:
                raise ConfigError(f"{name}_template must contain {{{name}}} once, got {template!r}.")
        if self.metadata_mode not in ("embed", "none", "llm", "all"):
            raise ConfigError(f"metadata_mode must be embed, none, llm or all, got {self.metadata_mode!r}.")
        if self.max_length < 1:
            raise ConfigError(f"max_length must be a positive number of tokens, got {self.max_length}.")

    def query_text(self, query: str) -> str:
        """Model text of a query."""
        return self.query_template.replace("{query}", query)

    def passage_text(self, passage: str | BaseNode) -> str:
        """Model text of a node, or of a passage that is already bare text."""
        text = passage if isinstance(passage, str) else self.content(passage)
        return self.passage_template.replace("{passage}", text)

    def content(self, node: BaseNode) -> str:
        """A node's text with the metadata that the mode asks for, before the template: what a ``Passage`` holds."""
        from llama_index.core.schema import MetadataMode

        return node.get_content(metadata_mode=MetadataMode(self.metadata_mode))

    def save(self, checkpoint: str | Path) -> None:
        """Write ``rerank_contract.json`` into a checkpoint directory."""
        write_json(Path(checkpoint) / CONTRACT_FILE, self)

    @classmethod
    def load(cls, checkpoint: str | Path) -> TextContract | None:
        """Read the contract of a checkpoint; None where there is none.

        Raises:
            DataError: The file is there but is not a contract.
        """
        path = Path(checkpoint) / CONTRACT_FILE
        return read_record(cls, path, "a text contract", "Restore the file, or tune again.")
