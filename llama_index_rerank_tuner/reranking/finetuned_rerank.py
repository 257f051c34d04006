"""``FinetunedRerank``: the tuned reranker as a LlamaIndex node postprocessor."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from llama_index.core.bridge.pydantic import ConfigDict, Field, PrivateAttr
from llama_index.core.callbacks import CallbackManager
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import NodeWithScore, QueryBundle
from llama_index.postprocessor.sbert_rerank import SentenceTransformerRerank
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError, RerankTunerWarning, ScoreError
from llama_index_rerank_tuner.protocols import Scorer
from llama_index_rerank_tuner.reranking.abstaining import Cut
from llama_index_rerank_tuner.reranking.announcing import announced
from llama_index_rerank_tuner.reranking.assembling import AssembledScorer
from llama_index_rerank_tuner.reranking.backends import finite
from llama_index_rerank_tuner.reranking.cache.protocol import ScoreCache
from llama_index_rerank_tuner.reranking.calibration import Calibration
from llama_index_rerank_tuner.reranking.checkpoint_folder import checkpoint_folder, local_folder
from llama_index_rerank_tuner.reranking.mixing import RankMix
from llama_index_rerank_tuner.reranking.queue import call_in_thread
from llama_index_rerank_tuner.reranking.results import reranked_node
from llama_index_rerank_tuner.reranking.saved_settings import calibration_of, contract_of, mix_of
from llama_index_rerank_tuner.reranking.serving_settings import BackendName, Precision, ServingSettings
from llama_index_rerank_tuner.reranking.text_watch import TextWatch
from llama_index_rerank_tuner.reranking.windows import WindowMode
from llama_index_rerank_tuner.text import TextContract

_CHANGEABLE = frozenset({"top_n", "mix", "keep_retrieval_score", "callback_manager"})


class FinetunedRerank(SentenceTransformerRerank):
    """Reranks nodes with a cross-encoder under its own text contract.

    It stands wherever LlamaIndex's ``SentenceTransformerRerank`` does. It returns new ``NodeWithScore`` objects and
    leaves the caller's untouched, ranks on logits, keeps ties in the retriever's order, and refuses NaN scores.

    The score it shows is the checkpoint's own (what ``SentenceTransformerRerank`` would show), the mixed score where
    a mix is on, or the calibrated probability of relevance where a calibration or a threshold was asked for. What is
    shown never changes the order.

    Args:
        model: Checkpoint directory or hub id.
        top_n: Most nodes returned.
        mix: ``auto`` takes the checkpoint's mix where one was fitted; None ranks on the reranker alone.
        calibration: ``auto`` takes the checkpoint's calibration where one was fitted, and shows probabilities.
        score_threshold: Drop nodes whose calibrated probability is below; all of them, where none is likely enough.
        target_precision: The same, with the lowest threshold that reached this precision on validation questions.
        backend: ``auto`` takes the fastest that is installed and passed the checkpoint's parity gate, else torch.
        precision: ``fp32``, ``bf16``, ``fp16`` or ``int8``; None leaves it to the backend.
        windows: Score passages that are too long in overlapping windows, by their best window (``max``) or the mean
            of the first and the best (``first_max``); None cuts them.
        cache: Keep scores: ``memory``, a path of an SQLite file, ``redis://...``, or a ``ScoreCache``.
        queue: Let concurrent calls share micro-batches.
        device: ``cpu``, ``cuda``, ``mps``; None takes a GPU where there is one.
        batch_size: Most pairs scored at once; None leaves it to the backend's token budget.
        use_fp16: Half precision (GPU).
        show_progress: Show a progress bar over the pairs of a call.
        keep_retrieval_score: Keep the retriever's score in the returned nodes' metadata, hidden from models.
        contract: Text contract; None takes the checkpoint's, or LlamaIndex's default where it has none.
        scorer: Scores the pairs instead of ``model``; for tests and scorers of your own.
        cross_encoder_kwargs: More arguments for ``CrossEncoder``.
        callback_manager: LlamaIndex's callback manager.

    Raises:
        CheckpointNotFoundError: There is no such model.
        ConfigError: A setting cannot work, or the model has more than one output.

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

    contract: TextContract = Field(default_factory=TextContract, description="How query and node become text.")
    mix: RankMix | None = Field(default=None, description="Mix with the retriever's rank.")
    calibration: Calibration | None = Field(default=None, description="Turns logits into shown probabilities.")
    score_threshold: float | None = Field(default=None, description="Least calibrated probability of a node.")
    target_precision: float | None = Field(default=None, description="Validation precision of the threshold.")
    backend: BackendName = Field(default="auto", description="What computes the scores.")
    precision: Precision | None = Field(default=None, description="Precision of the weights.")
    windows: WindowMode | None = Field(default=None, description="How passages that are too long are scored.")
    cache: str | None = Field(default=None, repr=False, description="Where scores are kept; may hold a password.")
    cross_encoder_kwargs: dict[str, Any] = Field(default_factory=dict, repr=False, description="For CrossEncoder.")
    queue: bool = Field(default=False, description="Whether concurrent calls share micro-batches.")
    device: str | None = Field(default=None, description="Device asked for.")
    batch_size: int | None = Field(default=None, description="Most pairs scored at once.")
    use_fp16: bool = Field(default=False, description="Half precision.")
    show_progress: bool = Field(default=False, description="Show a progress bar over the pairs of a call.")
    _scorer: Any = PrivateAttr()
    _assembled: AssembledScorer | None = PrivateAttr(default=None)
    _objects: tuple[str, ...] = PrivateAttr(default=())
    _cut: Cut = PrivateAttr(default_factory=Cut)
    _watch: TextWatch = PrivateAttr()

    def __init__(
        self,
        model: str | Path,
        top_n: int = 3,
        *,
        mix: RankMix | Mapping[str, Any] | Literal["auto"] | None = "auto",
        calibration: Calibration | Mapping[str, Any] | Literal["auto"] | None = None,
        score_threshold: float | None = None,
        target_precision: float | None = None,
        backend: BackendName = "auto",
        precision: Precision | None = None,
        windows: WindowMode | None = None,
        cache: str | Path | ScoreCache | None = None,
        queue: bool = False,
        device: str | None = None,
        batch_size: int | None = None,
        use_fp16: bool = False,
        show_progress: bool = False,
        keep_retrieval_score: bool = False,
        contract: TextContract | Mapping[str, Any] | None = None,
        scorer: Scorer | None = None,
        cross_encoder_kwargs: dict[str, Any] | None = None,
        callback_manager: CallbackManager | None = None,
    ) -> None:
        if top_n < 1:
            raise ConfigError(f"top_n must be a positive integer, got {top_n}.")
        serving: dict[str, Any] = {
            "backend": backend,
            "precision": precision,
            "windows": windows,
            "queue": queue,
            "device": device,
            "batch_size": batch_size,
            "use_fp16": use_fp16,
            "show_progress": show_progress,
            "cross_encoder_kwargs": cross_encoder_kwargs or {},
        }
        settings = ServingSettings(**serving, cache=str(cache) if isinstance(cache, Path) else cache)
        if scorer is not None and settings.stands_before_a_model:
            raise ConfigError("windows, queue and cache stand before a model; put them before a scorer= yourself.")
        folder = local_folder(model) if scorer is not None else checkpoint_folder(model, settings.cross_encoder_kwargs)
        name = str(local_folder(model) or model)
        wants_cut = score_threshold is not None or target_precision is not None
        calibration = calibration_of("auto" if calibration is None and wants_cut else calibration, folder)
        cut = Cut.chosen(calibration, score_threshold, target_precision, name)
        fields: dict[str, Any] = {
            **serving,
            "model": name,
            "top_n": top_n,
            "keep_retrieval_score": keep_retrieval_score,
            "contract": contract_of(contract, folder, name),
            "mix": mix_of(mix, folder),
            "calibration": calibration,
            "score_threshold": score_threshold,
            "target_precision": target_precision,
            "cache": settings.cache if isinstance(settings.cache, str) else None,
            "callback_manager": callback_manager or CallbackManager([]),
        }
        BaseNodePostprocessor.__init__(self, **fields)
        self._cut, self._watch = cut, TextWatch(name, self.contract)
        self._objects = _given_objects(scorer, settings.cache)
        self._serve(scorer, folder, settings)

    def _serve(self, scorer: Scorer | None, folder: Path | None, settings: ServingSettings) -> None:
        self._device = settings.device or ""
        if scorer is not None or folder is None:
            self._scorer = scorer
            return
        assembled = AssembledScorer(folder, self.model, self.contract, settings)
        self._scorer = self._assembled = assembled
        self._model, self._device = assembled.torch_model, assembled.device

    @classmethod
    def class_name(cls) -> str:
        """Name under which LlamaIndex knows the class."""
        return "FinetunedRerank"

    @property
    def scorer(self) -> Scorer:
        """What scores the pairs."""
        scorer: Scorer = self._scorer
        return scorer

    @property
    def backend_reason(self) -> str:
        """What computes the scores, and why that was chosen."""
        if self._assembled is None:
            return f"{self._scorer.name} was given as the scorer."
        batched = self._assembled.batched
        return f"{batched.backend.name}: {batched.why}."

    def to_dict(self, **kwargs: Any) -> dict[str, Any]:
        """The settings, for ``from_dict``, which loads the model again.

        A scorer or a cache that was given as an object cannot travel; a warning says so, and
        ``from_dict(settings, scorer=...)`` takes it again.
        """
        if self._objects:
            warnings.warn(
                f"The {' and the '.join(self._objects)} of this FinetunedRerank was given as an object and is not "
                f"among its settings: from_dict(settings) will do without and load {self.model}. "
                f"Hand it in again: from_dict(settings, {self._objects[0]}=...).",
                RerankTunerWarning,
                stacklevel=2,
            )
        settings: dict[str, Any] = super().to_dict(**kwargs)
        return settings

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, or what a pickle gives back, has the same settings and loads the model again."""
        return type(self).from_dict, (self.to_dict(),)

    def __copy__(self) -> FinetunedRerank:
        """As ``__reduce__``."""
        return type(self).from_dict(self.to_dict())

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> FinetunedRerank:
        """As ``__reduce__``."""
        return type(self).from_dict(self.to_dict())

    def __setattr__(self, name: str, value: Any) -> None:
        """Refuse to change what took effect when the model was loaded."""
        if name in type(self).model_fields and name not in _CHANGEABLE:
            raise ConfigError(f"{name} is fixed once the model is loaded; make a new FinetunedRerank with {name}=...")
        super().__setattr__(name, value)

    def close(self) -> None:
        """Answer the calls that wait in the queue, which takes no more, and close the cache if it was opened here."""
        if self._assembled is not None:
            self._assembled.close()

    async def _apostprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        return await call_in_thread(self._postprocess_nodes, nodes, query_bundle)

    def _postprocess_nodes(
        self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None
    ) -> list[NodeWithScore]:
        if query_bundle is None:
            raise ConfigError("Reranking needs the query: pass query_str or query_bundle.")
        with announced(self.callback_manager, self.model, self.top_n, nodes, query_bundle) as result:
            if nodes:
                result.extend(self._rerank(nodes, query_bundle.query_str))
        return result

    def _rerank(self, nodes: Sequence[NodeWithScore], query: str) -> list[NodeWithScore]:
        self._watch.look(nodes)
        query_text = self.contract.query_text(query)
        logits = self._logits([(query_text, self.contract.passage_text(each.node)) for each in nodes])
        ranked_on = self.mix.combine(logits) if self.mix is not None else logits
        shown, kept = self._shown(logits, ranked_on), self._cut.keeps(logits)
        order = [i for i in np.argsort(-ranked_on, kind="stable") if kept[i]][: self.top_n]
        return [reranked_node(nodes[i], float(shown[i]), self.keep_retrieval_score) for i in order]

    def _logits(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """Scores each different pair once, so that equal texts get equal scores."""
        place = {pair: index for index, pair in enumerate(dict.fromkeys(pairs))}
        logits = finite(self._scorer(list(place)), self._scorer.name)
        if len(logits) != len(place):
            raise ScoreError(f"{self._scorer.name} gave {len(logits)} scores for {len(place)} pairs.")
        return logits[[place[pair] for pair in pairs]]

    def _shown(self, logits: NDArray[np.float64], ranked_on: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.calibration is not None:
            return self.calibration.probabilities(logits)
        activate = getattr(self._scorer, "activate", None)
        return ranked_on if self.mix is not None or activate is None else activate(logits)


def _given_objects(scorer: Scorer | None, cache: object) -> tuple[str, ...]:
    given = {"scorer": scorer is not None, "cache": cache is not None and not isinstance(cache, str)}
    return tuple(name for name, is_object in given.items() if is_object)
