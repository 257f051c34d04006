"""``evaluate_reranker``: hit rate and MRR of an index with a reranker, in one call."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.errors import ConfigError, DataError, RerankTunerWarning
from llama_index_rerank_tuner.evaluation.passage_text import holds_passage

if TYPE_CHECKING:
    from llama_index.core.indices.base import BaseIndex
    from llama_index.core.postprocessor.types import BaseNodePostprocessor
    from llama_index.core.schema import BaseNode

CUTOFFS = (1, 3, 5)

_EXPECTED = 'Expected {"query": "...", "ground_truth_passages": ["...", ...]}.'


def evaluate_reranker(
    index: BaseIndex[Any],
    reranker: BaseNodePostprocessor | None,
    eval_dataset: Sequence[Mapping[str, Any]],
    similarity_top_k: int = 10,
) -> dict[str, float]:
    """Retrieve from an index, rerank, and see where the first ground-truth passage stands.

    A quick look at one reranker. To say whether one is better than another use ``RerankBenchmark``, which gives both
    the same candidates and the difference an interval.

    Ground truth comes as text, so it is matched with the text of the nodes, without their metadata
    (``holds_passage``): a passage is found through differences of white space, case and punctuation, and where it was
    cut into several nodes or joined with its neighbours in one; a node that only overlaps it at the edge does not
    count. Every question counts: one whose passages were not retrieved, or for which nothing was, scores 0.

    Args:
        index: The index to search.
        reranker: A node postprocessor, which is given the query; None keeps the retriever's order. What its ``top_n``
            cuts off counts as not found.
        eval_dataset: Items with ``query`` and ``ground_truth_passages``, the texts of its relevant passages.
        similarity_top_k: How many nodes to retrieve.

    Returns:
        ``Hit@1``, ``Hit@3``, ``Hit@5`` (share of the questions with a relevant node among the first 1, 3, 5) and
        ``MRR`` (mean of 1 / rank of the first relevant node).

    Raises:
        DataError: There is no item, or one lacks a key or holds something else under it.
        ConfigError: ``similarity_top_k`` is not positive.

    Warns:
        RerankTunerWarning: The reranker's ``top_n`` is too small for ``Hit@5``.

    Example:
        >>> from llama_index.core import MockEmbedding, VectorStoreIndex
        >>> from llama_index.core.schema import TextNode
        >>> nodes = [TextNode(text="The fee is 40 crowns.")]
        >>> index = VectorStoreIndex(nodes, embed_model=MockEmbedding(embed_dim=4))
        >>> asked = [{"query": "What is the fee?", "ground_truth_passages": ["the fee is 40 crowns"]}]
        >>> evaluate_reranker(index, None, asked)
        {'Hit@1': 1.0, 'Hit@3': 1.0, 'Hit@5': 1.0, 'MRR': 1.0}
    """
    if similarity_top_k < 1:
        raise ConfigError(f"similarity_top_k must be a positive number of nodes, got {similarity_top_k}.")
    if not len(eval_dataset):
        raise DataError("eval_dataset", "it holds no question", _EXPECTED)
    for place, item in enumerate(eval_dataset):
        _check(place, item)
    _warn_of_cut(reranker, similarity_top_k)
    retriever = index.as_retriever(similarity_top_k=similarity_top_k)
    ranks = []
    for item in eval_dataset:
        nodes = retriever.retrieve(item["query"])
        if nodes and reranker is not None:
            nodes = reranker.postprocess_nodes(nodes, query_str=item["query"])
        ranks.append(_first_relevant([each.node for each in nodes], item["ground_truth_passages"]))
    hits = {f"Hit@{k}": fmean(float(rank is not None and rank <= k) for rank in ranks) for k in CUTOFFS}
    return hits | {"MRR": fmean(0.0 if rank is None else 1 / rank for rank in ranks)}


def _check(place: int, item: Mapping[str, Any]) -> None:
    where = f"eval_dataset item {place}"
    if not isinstance(item, Mapping):
        raise DataError(where, f"a {type(item).__name__} is no question", _EXPECTED)
    query, passages = item.get("query"), item.get("ground_truth_passages")
    if not isinstance(query, str) or not query.strip():
        raise DataError(where, f'"query" is {query!r}', _EXPECTED)
    if not isinstance(passages, list | tuple) or not passages:
        raise DataError(where, f'"ground_truth_passages" is {passages!r}', _EXPECTED)
    for passage in passages:
        if not isinstance(passage, str) or not passage.strip():
            raise DataError(where, f'"ground_truth_passages" holds {passage!r}', _EXPECTED)


def _warn_of_cut(reranker: BaseNodePostprocessor | None, similarity_top_k: int) -> None:
    top_n, needed = getattr(reranker, "top_n", None), min(max(CUTOFFS), similarity_top_k)
    if isinstance(top_n, int) and top_n < needed:
        warnings.warn(
            f"The reranker keeps top_n={top_n} nodes, so Hit@{max(CUTOFFS)} and MRR count what it cuts off as not "
            f"found. Give it top_n={needed} or more for this measurement.",
            RerankTunerWarning,
            stacklevel=3,
        )


def _first_relevant(nodes: Sequence[BaseNode], passages: Sequence[str]) -> int | None:
    """Rank, from 1, of the first node that holds a passage."""
    for rank, node in enumerate(nodes, start=1):
        text = node.get_content()
        if any(holds_passage(text, passage) for passage in passages):
            return rank
    return None
