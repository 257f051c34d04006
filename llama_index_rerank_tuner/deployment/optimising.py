"""``optimise``: convert a checkpoint, check every variant on the user's own questions, and record what was measured."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.deployment.export import export_onnx, export_openvino
from llama_index_rerank_tuner.deployment.gate import check_parity
from llama_index_rerank_tuner.deployment.quantize import quantize_onnx
from llama_index_rerank_tuner.deployment.questions import METRIC, ParityQuestions
from llama_index_rerank_tuner.deployment.speed import median_speed
from llama_index_rerank_tuner.deployment.tracing import first_line
from llama_index_rerank_tuner.errors import ConfigError, RerankTunerError
from llama_index_rerank_tuner.mining import attach_candidates
from llama_index_rerank_tuner.reranking.backends.batched import BatchedScorer
from llama_index_rerank_tuner.reranking.backends.choosing import load_scorer
from llama_index_rerank_tuner.reranking.backends.converted import cpu_kind
from llama_index_rerank_tuner.reranking.backends.onnx_backend import OnnxBackend
from llama_index_rerank_tuner.reranking.backends.openvino_backend import OpenVinoBackend
from llama_index_rerank_tuner.reranking.backends.threads import compute_threads
from llama_index_rerank_tuner.reranking.backends.tokenizing import PairTokenizer
from llama_index_rerank_tuner.reranking.backends.variants import PAIRS_PER_SECOND, VARIANTS_FILE, Variant, Variants
from llama_index_rerank_tuner.reranking.fingerprint import model_fingerprint
from llama_index_rerank_tuner.text import TextContract

if TYPE_CHECKING:
    from llama_index.core.retrievers import BaseRetriever

logger = logging.getLogger(__name__)
REFERENCE = "torch fp32"
VARIANTS = ("torch bf16", "onnx fp32", "onnx int8", "openvino fp32", "openvino bf16")
TIMED_PAIRS = 500

Scores = dict[str, NDArray[np.float64]]


def optimise(
    checkpoint: str | Path,
    validation: RerankDataset | str | Path,
    retriever: BaseRetriever | None = None,
    *,
    depth: int = 30,
    variants: Sequence[str] = VARIANTS,
    allow_small: bool = False,
    show_progress: bool = False,
) -> Variants:
    """Make a checkpoint's faster variants, check each, and write ``variants.json`` for ``backend="auto"``.

    Every variant scores the pairs that torch fp32 scored, on this machine's CPU. It passes when its nDCG@10 is as good
    (``check_parity``). Questions that no ranking can change do not count. A variant that cannot be converted, or that
    gives NaN, is recorded with the reason, and the others go on. An older record is replaced.

    Args:
        checkpoint: Checkpoint directory.
        validation: Validation questions, or the file they lie in. Take the set that the checkpoint was chosen on, not
            the test set.
        retriever: The app's retriever, for the candidates; None takes those of the questions, or their given passages.
        depth: Candidates a question is ranked over.
        variants: Backend and precision of each: ``torch bf16``, ``onnx fp32``, ``onnx int8``, ``openvino fp32``,
            ``openvino bf16``.
        allow_small: Judge on fewer than 300 questions too.
        show_progress: Show a progress bar for each variant.

    Returns:
        What was measured, torch fp32 first; ``variants_table`` shows it.

    Raises:
        CheckpointNotFoundError: There is no such checkpoint.
        ConfigError: There is no such variant, or ``depth`` is not positive.
        DataError: No question is left that a ranking can change.
        ScoreError: torch fp32 itself gives NaN or infinite scores.
    """
    folder = Path(checkpoint).expanduser()
    _check(variants, depth)
    fingerprint = model_fingerprint(folder)
    contract = TextContract.load(folder) or TextContract()
    questions = ParityQuestions.build(_with_candidates(validation, retriever, show_progress), contract, depth)
    trial = _Trial(folder, contract.max_length, questions, allow_small, show_progress)
    reference = trial.measure_reference()
    (folder / VARIANTS_FILE).unlink(missing_ok=True)
    measured = Variants(fingerprint, (reference, *(trial.try_variant(name) for name in dict.fromkeys(variants))))
    measured.save(folder)
    return measured


def variants_table(measured: Variants) -> str:
    """The variants as a table: speed, nDCG@10, and whether each passed and why."""
    reference = measured.find(*REFERENCE.split())
    slowest = reference.pairs_per_second if reference else 0.0
    rows = [f"{'variant':<14} {'pairs/s':>8} {'speed-up':>8} {METRIC:>8}  verdict"]
    for each in measured.variants:
        speed, quality = each.pairs_per_second, each.evidence.get("ndcg_at_10")
        shown = f"{speed:8.1f} {speed / slowest:7.1f}x" if speed and slowest else f"{'–':>8} {'–':>8}"
        rows.append(
            f"{each.name:<14} {shown} {'–' if quality is None else f'{quality:.4f}':>8}  "
            f"{'passed' if each.passed else 'refused'}: {each.reason}"
        )
    return "\n".join(rows)


@dataclass(slots=True)
class _Trial:
    """One checkpoint on one set of questions; remembers what torch fp32 gave."""

    folder: Path
    max_length: int
    questions: ParityQuestions
    allow_small: bool
    show_progress: bool
    reference: Scores = field(default_factory=dict)
    exported: dict[str, Path] = field(default_factory=dict)

    def measure_reference(self) -> Variant:
        """Score with torch in fp32."""
        scorer = self._torch("fp32")
        self.reference = self.questions.scores(scorer, REFERENCE, self.show_progress)
        return Variant("torch", "fp32", None, True, "the reference", self._evidence(scorer, self.reference))

    def try_variant(self, name: str) -> Variant:
        """Convert, score and judge a variant; a failure becomes its reason."""
        backend, precision = name.split()
        file: str | None = None
        try:
            converted = self._convert(backend, precision)
            file = None if converted is None else converted.relative_to(self.folder).as_posix()
            scorer = self._scorer(backend, precision, converted)
            scores = self.questions.scores(scorer, name, self.show_progress)
            return self._judged(backend, precision, file, scorer, scores)
        except Exception as error:  # converters and their runtimes fail with errors of every kind
            reason = str(error) if isinstance(error, RerankTunerError) else first_line(error)
            logger.warning("%s: %s failed: %s", self.folder, name, reason)
            return Variant(backend, precision, file, False, f"failed: {reason}")

    def _judged(self, backend: str, precision: str, file: str | None, scorer: BatchedScorer, scores: Scores) -> Variant:
        parity = check_parity(
            self.questions.ndcg(self.reference),
            self.questions.ndcg(scores),
            self.questions.groups,
            allow_small=self.allow_small,
        )
        evidence = {**self._evidence(scorer, scores), **parity.to_dict()}
        return Variant(backend, precision, file, parity.passed, parity.reason, evidence)

    def _evidence(self, scorer: BatchedScorer, scores: Scores) -> dict[str, Any]:
        ndcg = self.questions.ndcg(scores)
        apart = max(float(np.abs(scores[each] - self.reference[each]).max()) for each in scores)
        return {
            PAIRS_PER_SECOND: round(median_speed(scorer, self._timed()), 2),
            "ndcg_at_10": sum(ndcg.values()) / len(ndcg),
            "largest_logit_difference": apart,
            "questions_left_out": self.questions.left_out,
            "pairs": sum(map(len, scores.values())),
            "threads": compute_threads(),
            "cpu": cpu_kind(),
        }

    def _timed(self) -> list[Sequence[tuple[str, str]]]:
        """Whole lists of about 500 pairs in all, at least one."""
        lists: list[Sequence[tuple[str, str]]] = []
        for each in self.questions.pairs.values():
            if lists and sum(map(len, lists)) + len(each) > TIMED_PAIRS:
                break
            lists.append(each)
        return lists

    def _convert(self, backend: str, precision: str) -> Path | None:
        """The variant's file, made from the weights as they are now; None for torch."""
        if backend == "torch":
            return None
        if backend not in self.exported:
            self.exported[backend] = (export_onnx if backend == "onnx" else export_openvino)(self.folder)
        exported = self.exported[backend]
        return quantize_onnx(self.folder, exported) if precision == "int8" else exported

    def _scorer(self, backend: str, precision: str, file: Path | None) -> BatchedScorer:
        if file is None:
            return self._torch(precision)
        runtime: type[OnnxBackend] | type[OpenVinoBackend] = OnnxBackend if backend == "onnx" else OpenVinoBackend
        tokenizer = PairTokenizer.of_checkpoint(self.folder, self.max_length)
        return BatchedScorer(runtime(file, precision), tokenizer, f"{self.folder} ({backend} {precision})")

    def _torch(self, precision: str) -> BatchedScorer:
        return load_scorer(self.folder, "torch", precision, device="cpu", max_length=self.max_length)


def _check(variants: Sequence[str], depth: int) -> None:
    if unknown := [name for name in variants if name not in VARIANTS]:
        raise ConfigError(f"There is no variant {unknown[0]!r}; there are {', '.join(VARIANTS)}.")
    if depth < 2:
        raise ConfigError(f"depth must be at least 2 candidates, got {depth}: one passage has only one order.")


def _with_candidates(
    validation: RerankDataset | str | Path, retriever: BaseRetriever | None, show_progress: bool
) -> RerankDataset:
    dataset = validation if isinstance(validation, RerankDataset) else RerankDataset.load(validation)
    return dataset if retriever is None else attach_candidates(dataset, retriever, "retriever", show_progress)
