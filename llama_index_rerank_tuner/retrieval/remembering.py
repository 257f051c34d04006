"""A retriever that asks another one each question only once."""

from __future__ import annotations

from collections.abc import Sequence

from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from llama_index_rerank_tuner.retrieval.batch import retrieve_batch


class RememberingRetriever(BaseRetriever):
    """Keeps what a retriever returned, so that mining, warm start and benchmark do not pay for it again.

    Args:
        retriever: The retriever to ask.
        show_progress: Show a progress bar while it is asked one query at a time.
    """

    def __init__(self, retriever: BaseRetriever, show_progress: bool = False) -> None:
        super().__init__()
        self.retriever, self.show_progress = retriever, show_progress
        self._found: dict[str, list[NodeWithScore]] = {}

    def retrieve_batch(self, queries: Sequence[str]) -> list[list[NodeWithScore]]:
        """Retrieve for ``n`` queries: ``n`` lists, asking only for the new ones."""
        new = [query for query in dict.fromkeys(queries) if query not in self._found]
        self._found.update(zip(new, retrieve_batch(self.retriever, new, self.show_progress), strict=True))
        return [list(self._found[query]) for query in queries]

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self.retrieve_batch([query_bundle.query_str])[0]
