"""``FinetunedRerank``: the tuned reranker as a LlamaIndex node postprocessor."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr
from llama_index.core.callbacks import CallbackManager, CBEventType, EventPayload
from llama_index.core.instrumentation import get_dispatcher
from llama_index.core.instrumentation.events.rerank import ReRankEndEvent, ReRankStartEvent
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle
from llama_index.postprocessor.sbert_rerank import SentenceTransformerRerank
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError, RerankTunerWarning
from llama_index_rerank_tuner.protocols import Scorer
from llama_index_rerank_tuner.reranking.backends import TorchScorer, load_cross_encoder
from llama_index_rerank_tuner.reranking.mixing import RankMix
from llama_index_rerank_tuner.reranking.scope_watch import ScopeWatch
from llama_index_rerank_tuner.text import TextContract

RETRIEVAL_SCORE = "retrieval_score"
dispatcher = get_dispatcher(__name__)


class FinetunedRerank(SentenceTransformerRerank):
    """Reranks nodes with a cross-encoder under its own text contract.

    It stands wherever LlamaIndex's ``SentenceTransformerRerank`` does. It returns new ``NodeWithScore`` objects and
    leaves the caller's untouched, ranks on logits, keeps ties in the retriever's order, and refuses NaN scores.

    The score it shows is the checkpoint's own (what ``SentenceTransformerRerank`` would show), or the mixed score
    where a mix is on.

    Args:
        model: Checkpoint directory or hub id.
        top_n: Number of nodes returned.
        mix: ``auto`` takes the checkpoint's mix where one was fitted; None ranks on the reranker alone.
        device: ``cpu``, ``cuda``, ``mps``; None takes a GPU where there is one.
        batch_size: Pairs scored at once; None takes 8 on a CPU and 32 elsewhere.
        use_fp16: Half precision (GPU).
        show_progress: Show a progress bar over the batches of a call.
        keep_retrieval_score: Keep the retriever's score in the returned nodes' metadata, hidden from models.
        contract: Text contract; None takes the checkpoint's, or LlamaIndex's default where it has none.
        scorer: Scores the pairs instead of ``model``; for tests and caches.
        cross_encoder_kwargs: More arguments for ``CrossEncoder``.
        callback_manager: LlamaIndex's callback manager.

    Raises:
        CheckpointNotFoundError: There is no such model.
        ConfigError: ``top_n`` is not positive, or the model has more than one output.

    Example:
        >>> from llama_index.core.schema import NodeWithScore, TextNode
        >>> class Shortest:
        ...     name = "shortest"
        ...     def __call__(self, pairs):
        ...         return np.array([-float(len(passage)) for _, passage in pairs])
        >>> nodes = [NodeWithScore(node=TextNode(text=text), score=1.0) for text in ("a long text", "short")]
        >>> reranker = FinetunedRerank("any name", top_n=1, scorer=Shortest())
        >>> [found.node.text for found in reranker.postprocess_nodes(nodes, query_str="?")]
        ['short']
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    batch_size: int | None = Field(default=None, description="Pairs scored at once.")
    use_fp16: bool = Field(default=False, description="Half precision.")
    show_progress: bool = Field(default=False, description="Show a progress bar over the batches of a call.")
    contract: TextContract = Field(default_factory=TextContract, description="How query and node become text.")
    mix: RankMix | None = Field(default=None, description="Mix with the retriever's rank.")
    _scorer: Any = PrivateAttr()
    _warned: bool = PrivateAttr(default=False)
    _scope_watch: ScopeWatch | None = PrivateAttr(default=None)

    def __init__(
        self,
        model: str | Path,
        top_n: int = 3,
        *,
        mix: RankMix | Literal["auto"] | None = "auto",
        device: str | None = None,
        batch_size: int | None = None,
        use_fp16: bool = False,
        show_progress: bool = False,
        keep_retrieval_score: bool = False,
        contract: TextContract | None = None,
        scorer: Scorer | None = None,
        cross_encoder_kwargs: dict[str, Any] | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        if top_n < 1:
            raise ConfigError(f"top_n must be a positive integer, got {top_n}.")
        if Path(model).expanduser().is_dir():
            model = Path(model).expanduser()
        contract = contract or TextContract.load(model) or TextContract()
        fields: dict[str, Any] = {
            "model": str(model),
            "top_n": top_n,
            "keep_retrieval_score": keep_retrieval_score,
            "cross_encoder_kwargs": cross_encoder_kwargs or {},
            "batch_size": batch_size,
            "use_fp16": use_fp16,
            "show_progress": show_progress,
            "contract": contract,
            "mix": RankMix.load(model) if mix == "auto" else mix,
            "callback_manager": callback_manager or CallbackManager([]),
        }
        BaseNodePostprocessor.__init__(self, **fields)
        self._device = device or ""
        self._scope_watch = ScopeWatch(contract.scope)
        self._scorer = scorer if scorer is not None else self._load_scorer(device)

    def _load_scorer(self, device: str | None) -> TorchScorer:
        settings = {"max_length": self.contract.max_length, **self.cross_encoder_kwargs}
        self._model = load_cross_encoder(
            self.model, device=device, max_length=settings.pop("max_length"), use_fp16=self.use_fp16, kwargs=settings
        )
        self._device = str(self._model.device)
        return TorchScorer(self._model, self.model, self.batch_size, self.show_progress)

    @classmethod
    def class_name(cls) -> str:
        """Name under which LlamaIndex knows the class."""
        return "FinetunedRerank"

    @property
    def scorer(self) -> Scorer:
        """What scores the pairs."""
        scorer: Scorer = self._scorer
        return scorer

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if query_bundle is None:
            raise ConfigError("Reranking needs the query: pass query_str or query_bundle.")
        if not nodes:
            return []
        dispatcher.event(ReRankStartEvent(query=query_bundle, nodes=nodes, top_n=self.top_n, model_name=self.model))
        payload: dict[str, Any] = {
            EventPayload.NODES: nodes,
            EventPayload.MODEL_NAME: self.model,
            EventPayload.QUERY_STR: query_bundle.query_str,
            EventPayload.TOP_K: self.top_n,
        }
        with self.callback_manager.event(CBEventType.RERANKING, payload=payload) as event:
            reranked = self._rerank(nodes, query_bundle.query_str)
            event.on_end(payload={EventPayload.NODES: reranked})
        dispatcher.event(ReRankEndEvent(nodes=reranked))
        return reranked

    def _rerank(self, nodes: Sequence[NodeWithScore], query: str) -> list[NodeWithScore]:
        logits = self._scorer(self._pairs(nodes, query))
        ranked_on = self.mix.combine(logits) if self.mix is not None else logits
        shown = ranked_on if self.mix is not None else self._shown(logits)
        order = np.argsort(-ranked_on, kind="stable")[: self.top_n]
        return [self._result(nodes[i], float(shown[i])) for i in order]

    def _pairs(self, nodes: Sequence[NodeWithScore], query: str) -> list[tuple[str, str]]:
        query_text = self.contract.query_text(query)
        pairs = [(query_text, self.contract.passage_text(each.node)) for each in nodes]
        if self.contract.metadata_mode != "embed" and not self._warned:
            self._warn_of_other_text(nodes)
        if self._scope_watch is not None:
            self._warn_of_other_scope(self._scope_watch.other_scope(nodes))
        return pairs

    def _warn_of_other_text(self, nodes: Sequence[NodeWithScore]) -> None:
        """Say once that LlamaIndex's own reranker would read another text than this model was tuned on."""
        for each in nodes:
            if each.node.get_content(metadata_mode=MetadataMode.EMBED) != self.contract.content(each.node):
                self._warned = True
                warnings.warn(
                    f"{self.model} was tuned on texts with metadata mode {self.contract.metadata_mode!r} and is served "
                    "so. SentenceTransformerRerank would add the nodes' metadata to the text and may rank otherwise. "
                    "To tune on what it reads, make the data with RerankDataset.from_nodes.",
                    RerankTunerWarning,
                    stacklevel=2,
                )
                return

    def _warn_of_other_scope(self, sign: str | None) -> None:
        """Say once that the reranker serves in another scope than it was tuned for."""
        if sign is None:
            return
        self._scope_watch = None
        warnings.warn(
            f"{self.model} was tuned on candidates of the scope {self.contract.scope!r}, and {sign}. A reranker can do "
            "worse than before in a scope that it was not tuned for: mine with scope= as the app retrieves, and tune "
            "again.",
            RerankTunerWarning,
            stacklevel=2,
        )

    def _shown(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._scorer.activate(logits) if isinstance(self._scorer, TorchScorer) else logits

    def _result(self, found: NodeWithScore, score: float) -> NodeWithScore:
        if not self.keep_retrieval_score:
            return NodeWithScore(node=found.node, score=score)
        hidden = [RETRIEVAL_SCORE]
        node = found.node.model_copy(
            update={
                "metadata": {**found.node.metadata, RETRIEVAL_SCORE: found.score},
                "excluded_embed_metadata_keys": [*found.node.excluded_embed_metadata_keys, *hidden],
                "excluded_llm_metadata_keys": [*found.node.excluded_llm_metadata_keys, *hidden],
            }
        )
        return NodeWithScore(node=node, score=score)
