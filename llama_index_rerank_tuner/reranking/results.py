"""New nodes for the result of a reranking: what the caller handed in stays as it is."""

from __future__ import annotations

from llama_index.core.schema import NodeWithScore

RETRIEVAL_SCORE = "retrieval_score"


def reranked_node(found: NodeWithScore, score: float, keep_retrieval_score: bool) -> NodeWithScore:
    """A new ``NodeWithScore`` with the reranker's score.

    Args:
        found: What the retriever found.
        score: The reranker's score.
        keep_retrieval_score: Put the retriever's score into the metadata of a copy of the node, hidden from embedding
            models and LLMs. One that an earlier reranker kept there is left, since it is the retriever's.
    """
    if not keep_retrieval_score or _is_kept(found):
        return NodeWithScore(node=found.node, score=score)
    node = found.node
    kept = node.model_copy(
        update={
            "metadata": {**node.metadata, RETRIEVAL_SCORE: found.score},
            "excluded_embed_metadata_keys": _with_key(node.excluded_embed_metadata_keys),
            "excluded_llm_metadata_keys": _with_key(node.excluded_llm_metadata_keys),
        }
    )
    return NodeWithScore(node=kept, score=score)


def _is_kept(found: NodeWithScore) -> bool:
    node = found.node
    hidden = RETRIEVAL_SCORE in node.excluded_embed_metadata_keys and RETRIEVAL_SCORE in node.excluded_llm_metadata_keys
    return hidden and RETRIEVAL_SCORE in node.metadata


def _with_key(keys: list[str]) -> list[str]:
    return keys if RETRIEVAL_SCORE in keys else [*keys, RETRIEVAL_SCORE]
