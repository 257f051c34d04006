"""``CrossEncoderFinetuneEngine``: labelled data in, a checkpoint and a node postprocessor out."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.dataset import RerankDataset, check_leaks
from llama_index_rerank_tuner.errors import ConfigError, NotTrainedError, RerankTunerWarning
from llama_index_rerank_tuner.json_files import read_json
from llama_index_rerank_tuner.models import resolve_model
from llama_index_rerank_tuner.records import RerankExample
from llama_index_rerank_tuner.text import TextContract
from llama_index_rerank_tuner.training.incumbent import stand_in_for_incumbent
from llama_index_rerank_tuner.training.run.folder import BASE, VERDICT_FILE, RunFolder, check_free
from llama_index_rerank_tuner.training.run.job import TrainingJob
from llama_index_rerank_tuner.training.run.processes import Processes
from llama_index_rerank_tuner.training.settings.config import DEFAULT_MODEL, FinetuneConfig

if TYPE_CHECKING:
    from llama_index_rerank_tuner.reranking import FinetunedRerank
    from llama_index_rerank_tuner.training.search.running import OnLook

logger = logging.getLogger(__name__)
Records = RerankDataset | Iterable[Any]


class CrossEncoderFinetuneEngine:
    """Fine-tunes a cross-encoder on labelled question-passage data.

    Where ``llama-index-finetuning`` is loaded when an engine is made, the engine is an instance of its
    ``BaseCrossEncoderFinetuningEngine``.

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
        stand_in_for_incumbent(type(self))
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

    def finetune(self, resume: bool = False, on_look: OnLook | None = None) -> None:
        """Train, and save the best checkpoint by validation nDCG@10 at ``model_output_path``.

        The directory appears when training has ended well; a run cut off before leaves what was there untouched. Under
        ``torchrun`` or ``accelerate launch`` all processes call this; each step is split over them.

        Args:
            resume: Go on with the run that was cut off here, from its last checkpoint; on a CPU it ends with the same
                weights as a run that was never cut off. Starts anew where there is none; does nothing where that run
                has ended already.
            on_look: Told the step and nDCG@10 of each validation; what it raises ends the run.

        Raises:
            CheckpointExistsError: The directory already holds a checkpoint, and ``overwrite`` is False.
            CheckpointNotFoundError: There is no such model to start from.
            ConfigError: The run to resume had other data, settings or another model.
            ScoreError: The model diverged.
        """
        processes = Processes.joined(self.device)
        if not resume:
            check_free(self.model_output_path, self.overwrite)
            processes.wait()
        resolve_model(self.model_id)
        job = TrainingJob(
            self.train_dataset,
            self.val_dataset,
            self.warm_start,
            self.contract,
            self.config,
            self.model_id,
            RunFolder(self.model_output_path, processes),
            self.device,
            self.overwrite,
            self.show_progress,
            on_look,
        )
        self.report = job.run(resume)
        self.contract = job.contract
        say_what_was_chosen(self.report)

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

        if model_name is None:
            self._require_trained()
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

    def push_to_hub(self, repo_id: str, token: str | None = None, private: bool | None = None, **card: Any) -> str:
        """Upload the checkpoint with its model card to the Hugging Face Hub.

        Nothing of the training texts goes up, unless ``examples=`` asks for some in the card.

        Args:
            repo_id: ``owner/name``; made where it does not exist.
            token: Access token; None takes the one that ``hf auth login`` stored.
            private: Whether a new repository is private; None for the owner's default.
            card: More for ``training.record.model_card``, such as ``licence="mit"``.

        Returns:
            Address of the commit.

        Raises:
            NotTrainedError: Nothing was trained yet.
            RerankTunerError: The hub refused it, or cannot be reached.
        """
        from llama_index_rerank_tuner.training.record.publishing import push_to_hub

        self._require_trained()
        return push_to_hub(self.model_output_path, repo_id, token, private, **{"dataset": self.train_dataset, **card})

    def _require_trained(self) -> None:
        if not self.report:
            raise NotTrainedError(
                "This engine has not trained yet: call finetune() first, or give an earlier checkpoint as model_name."
            )


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


def say_what_was_chosen(report: Mapping[str, Any]) -> None:
    """Log the best checkpoint of a training report; warn where it is worse than the model before training."""
    lists, best, before = report["validated on"], report["best"], report["curve"]["validation"][0][1]
    if best is None:
        return
    logger.info("Best checkpoint at step %d: nDCG@10 %.4f over %s (before: %.4f).", *best, lists, before)
    if best[1] < before:
        warnings.warn(
            f"Training did not help on validation: nDCG@10 over {lists} was {before:.4f} before and {best[1]:.4f} at "
            "its best. Check the labels, or lower the learning rate.",
            RerankTunerWarning,
            stacklevel=3,
        )
