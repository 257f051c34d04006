"""One queue in front of a scorer: micro-batches across callers, fair, bounded; nothing here knows llama_index."""

from llama_index_rerank_tuner.reranking.queue.cancelling import call_in_thread
from llama_index_rerank_tuner.reranking.queue.queued_scorer import QueuedScorer

__all__ = ["QueuedScorer", "call_in_thread"]
