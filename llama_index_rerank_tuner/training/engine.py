"""``CrossEncoderFinetuneEngine``: labelled data in, a checkpoint and a node postprocessor out."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.dataset import RerankDataset, check_leaks
from llama_index_rerank_tuner.errors import ConfigError, NotTrainedError, RerankTunerWarning
from llama_index_rerank_tuner.json_files import read_json, write_json
from llama_index_rerank_tuner.models import resolve_model
from llama_index_rerank_tuner.records import RerankExample
from llama_index_rerank_tuner.text import TextContract
from llama_index_rerank_tuner.training.config import DEFAULT_MODEL, FinetuneConfig
from llama_index_rerank_tuner.training.lists import TrainingRows, imitation_rows, labelled_rows
from llama_index_rerank_tuner.training.output import (
    BASE,
    LAST,
    REPORT_FILE,
    VERDICT_FILE,
    check_free,
    staged,
)

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

    from llama_index_rerank_tuner.reranking import FinetunedRerank
    from llama_index_rerank_tuner.training.monitor import Curve

logger = logging.getLogger(__name__)
Records = RerankDataset | Iterable[Any]


class CrossEncoderFinetuneEngine:
    """Fine-tunes a cross-encoder on labelled question-passage data.

    Args:
        train_dataset: A ``RerankDataset``, or records: ``{"query", "passage", "score"}``, ``{"query", "pos", "neg"}``,
            ``RerankExample`` objects, or objects with ``query``, ``context`` and ``score``.
        val_dataset: The same for validation; None cuts a tenth from the training data, by group.
        dataset: The deprecated engine's name for ``train_dataset``.
        model_id: Cross-encoder or encoder to start from: hub id, path, or ``all-MiniLM-L6-v2`` (needs no hub with the
            ``offline`` extra).
        model_output_path: Directory of the checkpoint.
        batch_size: Pairs a step; None for the default of ``FinetuneConfig``. So with the next three.
        epochs: Passes over the data.
        learning_rate: Peak learning rate.
        warmup_steps: Steps of warm-up, or a share of them.
        show_progress: Show a progress bar.
        overwrite: Replace a checkpoint that is already there.
        warm_start: Imitation lists (``mining.imitation_lists``) for a model whose head is new.
        contract: How query and passage become text; None takes the data set's.
        config: All the settings; arguments given here win.
        device: ``cpu``, ``cuda``, ``mps``; None takes a GPU where there is one.

    Raises:
        DataError: The data is empty, a record cannot be used, or a query has no positive.
        LeakError: A validation question stands in the training data with its answer, or nearly so.
        ConfigError: A setting cannot work, or both ``train_dataset`` and ``dataset`` are given.
    """

    def __init__(
        self,
        train_dataset: Records | None = None,
        val_dataset: Records | None = None,
        *,
        dataset: Records | None = None,
        model_id: str | Path = DEFAULT_MODEL,
        model_output_path: str | Path = "exp_finetune",
        batch_size: int | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        warmup_steps: float | None = None,
        show_progress: bool = False,
        overwrite: bool = False,
        warm_start: Sequence[RerankExample] | None = None,
        contract: TextContract | None = None,
        config: FinetuneConfig | None = None,
        device: str | None = None,
    ) -> None:
        if (train_dataset is None) == (dataset is None):
            raise ConfigError("Give the training data as train_dataset= (or dataset=, not both).")
        self.config = (config or FinetuneConfig()).overridden(
            batch_size=batch_size, epochs=epochs, learning_rate=learning_rate, warmup_steps=warmup_steps
        )
        train = _as_dataset(dataset if train_dataset is None else train_dataset)
        self.train_dataset, self.val_dataset = _with_validation(train, val_dataset, self.config.seed)
        self.contract = contract or train.contract
        self.model_id = str(model_id)
        self.model_output_path = Path(model_output_path).expanduser().resolve()
        self.show_progress, self.overwrite, self.device = show_progress, overwrite, device
        self.warm_start = list(warm_start or [])
        self.report: dict[str, Any] = {}

    @property
    def base_model_path(self) -> str:
        """The model before the labels: the warm-started one where there was a warm start, else ``model_id``."""
        warmed = self.model_output_path / BASE
        return str(warmed) if warmed.is_dir() else self.model_id

    def finetune(self) -> None:
        """Train, and save the best checkpoint by validation nDCG@10 at ``model_output_path``.

        The directory appears when training has ended well; a run cut off before leaves what was there untouched.

        Raises:
            CheckpointExistsError: The directory already holds a checkpoint, and ``overwrite`` is False.
            CheckpointNotFoundError: There is no such model to start from.
        """
        check_free(self.model_output_path, self.overwrite)
        labelled = labelled_rows(self.train_dataset.examples, self.contract, self.config.loss)
        imitation = imitation_rows(self.warm_start, self.contract) if self.warm_start else None
        resolve_model(self.model_id)
        with staged(self.model_output_path) as folder:
            self._train(folder, labelled, imitation)

    def get_finetuned_model(self, model_name: str | None = None, top_n: int = 3) -> FinetunedRerank:
        """The tuned reranker as a LlamaIndex node postprocessor.

        It is always what was trained, with its fitted mix unless that would be the retriever's order alone; where a
        benchmark stored another verdict than ``better``, a warning says so.

        Args:
            model_name: Another checkpoint or hub id; None for the one just trained.
            top_n: Number of nodes it returns.

        Raises:
            NotTrainedError: Nothing was trained yet.
        """
        from llama_index_rerank_tuner.reranking import FinetunedRerank, RankMix

        if model_name is None and not self.report:
            raise NotTrainedError(
                "This engine has not trained yet: call finetune() first, or give an earlier checkpoint as model_name."
            )
        path = Path(model_name) if model_name is not None else self.model_output_path
        verdict = read_json(path / VERDICT_FILE) or {}
        if verdict.get("verdict", "better") != "better":
            warnings.warn(
                f"The benchmark's verdict on {path} is {verdict['verdict']!r}: {verdict.get('reason', '')}",
                RerankTunerWarning,
                stacklevel=2,
            )
        mix = RankMix.load(path)
        return FinetunedRerank(
            model_name if model_name is not None else path,
            top_n=top_n,
            mix=mix if mix is not None and mix.weight > 0 else None,
            device=self.device,
        )

    def _train(self, folder: Path, labelled: TrainingRows, imitation: TrainingRows | None) -> None:
        from transformers import set_seed

        from llama_index_rerank_tuner.training.backbone import has_reranking_head, load_for_training
        from llama_index_rerank_tuner.training.hardware import TrainingHardware

        started = time.monotonic()
        set_seed(self.config.seed)
        new_head = not has_reranking_head(self.model_id)
        model = load_for_training(self.model_id, new_head, labelled.loss, self.contract.max_length, self.device)
        hardware = TrainingHardware.of(model)
        length = hardware.max_length(self.config.max_length, model.max_seq_length or self.contract.max_length)
        model.max_seq_length = length
        self.contract = replace(self.contract, max_length=length)
        with hardware.prepared(model):
            warm_curve = self._warm_up(model, folder, hardware, imitation, new_head)
            curve, validated_on = self._learn_labels(model, folder, hardware, labelled)
        self.report = {
            "model_id": self.model_id,
            "new_head": new_head,
            "config": self.config.to_dict(),
            "loss": labelled.loss,
            "epochs": self.config.epochs_for(len(labelled.rows)),
            "lists": len(labelled.rows),
            "pairs": labelled.pairs,
            "questions left out": labelled.left_out,
            "warm start pairs": imitation.pairs if imitation and warm_curve else 0,
            "warm start curve": asdict(warm_curve) if warm_curve else None,
            "curve": asdict(curve),
            "validated on": validated_on,
            "best": curve.best,
            "max length": length,
            "hardware": asdict(hardware),
            "audit": self.train_dataset.audit(near_limit=0).to_dict(),
            "versions": {name: version(name) for name in ("sentence-transformers", "transformers", "torch")},
            "seconds": round(time.monotonic() - started, 1),
        }
        write_json(folder / REPORT_FILE, self.report)
        self.contract.save(folder)

    def _warm_up(
        self, model: CrossEncoder, folder: Path, hardware: Any, imitation: TrainingRows | None, new_head: bool
    ) -> Curve | None:
        from llama_index_rerank_tuner.training.fitting import fit

        if imitation is None or not new_head or not self.config.warm_start_epochs:
            if new_head:
                logger.warning("%s has no reranking head and gets no warm start: expect little.", self.model_id)
            return None
        curve = fit(
            model,
            imitation,
            self.config,
            hardware,
            epochs=self.config.warm_start_epochs,
            learning_rate=self.config.warm_start_learning_rate,
            description="warm start",
            show_progress=self.show_progress,
        )
        model.save_pretrained(str(folder / BASE))
        self.contract.save(folder / BASE)
        return curve

    def _learn_labels(
        self, model: CrossEncoder, folder: Path, hardware: Any, labelled: TrainingRows
    ) -> tuple[Curve, str]:
        from llama_index_rerank_tuner.training.fitting import fit
        from llama_index_rerank_tuner.training.validation import METRIC, RankingEvaluator

        evaluator = RankingEvaluator(self.val_dataset.examples, self.contract, hardware)
        before = evaluator(model)[METRIC]
        curve = fit(
            model,
            labelled,
            self.config,
            hardware,
            epochs=self.config.epochs_for(len(labelled.rows)),
            learning_rate=self.config.learning_rate,
            evaluator=evaluator,
            best=folder,
            description="training",
            show_progress=self.show_progress,
        )
        curve.validation.insert(0, (0, before))
        model.save_pretrained(str(folder / LAST))
        self.contract.save(folder / LAST)
        _say_what_was_chosen(curve, evaluator.lists)
        return curve, evaluator.lists


def _as_dataset(records: Records | None) -> RerankDataset:
    if isinstance(records, RerankDataset):
        return records
    return RerankDataset.from_records(records if records is not None else [])


def _with_validation(
    train: RerankDataset, validation: Records | None, seed: int
) -> tuple[RerankDataset, RerankDataset]:
    train.require_positives()
    if validation is not None:
        given = _as_dataset(validation)
        given.require_positives()
        check_leaks(train, given)
        return train, given
    cut = train.split(val=max(1, round(0.1 * len(train))), test=0, seed=seed)
    logger.info("No val_dataset: %d of %d questions, cut by group, validate.", len(cut.val), len(train))
    return cut.train, cut.val


def _say_what_was_chosen(curve: Curve, lists: str) -> None:
    (_, before), best = curve.validation[0], curve.best
    if best is None:
        return
    logger.info("Best checkpoint at step %d: nDCG@10 %.4f over %s (before: %.4f).", *best, lists, before)
    if best[1] < before:
        warnings.warn(
            f"Training did not help on validation: nDCG@10 over {lists} was {before:.4f} before and {best[1]:.4f} at "
            "its best. Check the labels, or lower the learning rate.",
            RerankTunerWarning,
            stacklevel=2,
        )
