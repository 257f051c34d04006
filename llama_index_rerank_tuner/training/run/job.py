"""One training job: from labelled questions and a model's name to the finished checkpoint directory."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ScoreError
from llama_index_rerank_tuner.journal import content_hash
from llama_index_rerank_tuner.json_files import read_json, write_json
from llama_index_rerank_tuner.noise import augmented
from llama_index_rerank_tuner.records import RerankExample
from llama_index_rerank_tuner.text import TextContract
from llama_index_rerank_tuner.training.losses.lists import TrainingRows, choose_loss, imitation_rows, labelled_rows
from llama_index_rerank_tuner.training.record.model_card import write_model_card
from llama_index_rerank_tuner.training.run.folder import REPORT_FILE, RUN_KEY, RunFolder, check_free
from llama_index_rerank_tuner.training.run.identity import run_identity, weights_hash
from llama_index_rerank_tuner.training.settings.choosing import Choices, choose
from llama_index_rerank_tuner.training.settings.config import ChosenConfig, FinetuneConfig
from llama_index_rerank_tuner.training.settings.facts import training_facts

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

    from llama_index_rerank_tuner.dataset.audit import Audit
    from llama_index_rerank_tuner.training.model.hardware import TrainingHardware
    from llama_index_rerank_tuner.training.search.running import OnLook
    from llama_index_rerank_tuner.training.watch.callbacks import Curve, Watch

logger = logging.getLogger(__name__)
CHOICES_FILE = "choices.json"


@dataclass(slots=True)
class TrainingJob:
    """Everything a run is made of.

    Args:
        training: Labelled questions with their negatives.
        validation: Labelled questions that choose the best checkpoint.
        warm_start: Imitation lists for a model whose head is new; none for no warm start.
        contract: How the texts are made; its ``max_length`` follows the settings once they are chosen.
        config: Settings as they were asked for.
        model_id: The model to start from.
        folder: Where the run keeps what it has, and where the checkpoint goes.
        device: ``cpu``, ``cuda``, ``mps``; None takes a GPU where there is one.
        overwrite: Replace a checkpoint that is already there.
        show_progress: Show a progress bar.
        on_look: Told of each validation; what it raises ends the run.
    """

    training: RerankDataset
    validation: RerankDataset
    warm_start: Sequence[RerankExample]
    contract: TextContract
    config: FinetuneConfig
    model_id: str
    folder: RunFolder
    device: str | None = None
    overwrite: bool = False
    show_progress: bool = False
    on_look: OnLook | None = None
    _watch: Watch | None = field(default=None, init=False)

    def run(self, resume: bool) -> dict[str, Any]:
        """Train, publish the checkpoint, and return the training report.

        Raises:
            ConfigError: The run to resume had other data, settings or another model.
            ScoreError: The model collapsed or diverged, and there is nothing that may be published.
        """
        from llama_index_rerank_tuner.training.model.adapters import frozen_layers, lora
        from llama_index_rerank_tuner.training.model.hardware import TrainingHardware

        started = time.monotonic()
        audit = self._audited()
        labelled, loss_reason = self._labelled()
        model, new_head = self._loaded(labelled.loss)
        imitation = self._imitation(new_head)
        hardware = TrainingHardware.of(model, self.config.precision)
        identity = self._identity(model, labelled, imitation)
        if resume and self.folder.ended_as(content_hash(identity)):
            logger.info("The run in %s has ended already: nothing is left to do.", self.folder.output)
            return self._finished_report()
        check_free(self.folder.output, self.overwrite)
        with self.folder.opened(identity, resume):
            # Outermost: the adapters' layers are what the hardware and the freezing are applied to.
            with (
                lora(model, self.config.lora_rank, self.config.lora_alpha),
                hardware.prepared(model),
                frozen_layers(model, self.config.frozen_layers),
            ):
                choices = self._choices(model, hardware, labelled, loss_reason, new_head, imitation)
                report = self._trained(model, hardware, labelled, imitation, choices)
            report |= {
                "new_head": new_head,
                "loss reason": loss_reason,
                "audit": audit.to_dict(),
                "seconds": round(time.monotonic() - started, 1),
                RUN_KEY: content_hash(identity),
            }
            self._write(report)
        if self._watch is not None:
            self._watch.warn()
        return report

    def _audited(self) -> Audit:
        """What is wrong with the data is said before it is trained on, and kept for the report."""
        audit = self.training.audit(near_limit=0)
        for finding in audit.must_fix:
            logger.warning("Training data: %s RerankDataset.repair() mends it.", finding.sentence)
        return audit

    def _labelled(self) -> tuple[TrainingRows, str]:
        """The rows of the labels, with noise where it was asked for, and why they are for the loss they are for."""
        config = self.config
        examples: Sequence[RerankExample] = self.training.examples
        loss, reason = choose_loss(examples) if config.loss == "auto" else (config.loss, "given")
        if config.noise:
            examples = augmented(examples, config.noise, config.seed)
        return labelled_rows(examples, self.contract, loss), reason

    def _loaded(self, loss: str) -> tuple[CrossEncoder, bool]:
        from transformers import set_seed

        from llama_index_rerank_tuner.training.model.backbone import load_for_training, needs_new_head

        set_seed(self.config.seed)
        new_head = needs_new_head(self.model_id, self.config.replace_head)
        return load_for_training(self.model_id, new_head, loss, self.contract.max_length, self.device), new_head

    def _imitation(self, new_head: bool) -> TrainingRows | None:
        if new_head and self.warm_start and self.config.warm_start_epochs:
            return imitation_rows(self.warm_start, self.contract)
        if new_head:
            logger.warning("%s has no reranking head and gets no warm start: expect little.", self.model_id)
        return None

    def _identity(self, model: CrossEncoder, labelled: TrainingRows, imitation: TrainingRows | None) -> dict[str, Any]:
        return run_identity(
            model=self.model_id,
            weights=weights_hash(model),
            settings={**self.config.to_dict(), **asdict(self.contract), "loss of the rows": labelled.loss},
            training=labelled.rows,
            validation=self.validation.examples,
            imitation=imitation.rows if imitation else (),
        )

    def _choices(
        self,
        model: CrossEncoder,
        hardware: TrainingHardware,
        labelled: TrainingRows,
        loss_reason: str,
        new_head: bool,
        imitation: TrainingRows | None,
    ) -> Choices:
        """The settings without ``auto``: those that the unfinished run had, or new ones."""
        remembered = read_json(self.folder.state / CHOICES_FILE)
        if remembered is not None:
            return Choices(ChosenConfig(**remembered["settings"]), remembered["reasons"])
        facts = training_facts(
            model,
            hardware,
            labelled,
            questions=len(self.training),
            loss_reason=loss_reason,
            contract_length=self.contract.max_length,
            new_head=new_head,
            warm_start=imitation is not None,
            processes=self.folder.processes.count,
            seed=self.config.seed,
        )
        choices = choose(self.config, facts)
        if self.config.batch_size == "auto":
            choices = choose(self.config, replace(facts, largest_batch=self._probed(model, hardware, choices)))
        for line in choices.lines():
            logger.info(line)
        if self.folder.processes.first:
            write_json(self.folder.state / CHOICES_FILE, choices.to_dict())
        self.folder.processes.wait()
        return choices

    def _probed(self, model: CrossEncoder, hardware: TrainingHardware, choices: Choices) -> int:
        """Pairs that fit in the memory of the smallest device, at most those that are wanted."""
        from llama_index_rerank_tuner.training.memory.probe import BatchSizeProbe

        settings = choices.settings
        probe = BatchSizeProbe(settings.max_length, settings.batch_size, autocast=hardware.autocast)
        return int(min(self.folder.processes.gathered(probe.batch_size(model, self.model_id).batch_size)))

    def _trained(
        self,
        model: CrossEncoder,
        hardware: TrainingHardware,
        labelled: TrainingRows,
        imitation: TrainingRows | None,
        choices: Choices,
    ) -> dict[str, Any]:
        from llama_index_rerank_tuner.training.run.phases import TrainingRun
        from llama_index_rerank_tuner.training.watch.guard import guard_examples, reads
        from llama_index_rerank_tuner.training.watch.validation import RankingEvaluator

        settings = choices.settings
        model.max_seq_length = settings.max_length
        self.contract = replace(self.contract, max_length=settings.max_length)
        run = TrainingRun(model, self.folder, settings, self.contract, hardware, self.show_progress, self._watchers)
        warm_curve = run.imitate(imitation) if imitation is not None else None
        guard = guard_examples(self.training.examples, reads(model)) if settings.guard else ()
        evaluator = RankingEvaluator(self.validation.examples, self.contract, hardware, guard)
        curve = run.learn(labelled, evaluator)
        self._refuse_to_replace(curve)
        return {
            "model_id": self.model_id,
            **choices.to_dict(),
            "lists": len(labelled.rows),
            "pairs": labelled.pairs,
            "questions left out": labelled.left_out,
            "warm start pairs": imitation.pairs if imitation is not None else 0,
            "warm start curve": asdict(warm_curve) if warm_curve is not None else None,
            "curve": asdict(curve),
            "validated on": evaluator.lists,
            "best": curve.best,
            "hardware": asdict(hardware),
            "processes": self.folder.processes.count,
            "versions": {name: version(name) for name in ("sentence-transformers", "transformers", "torch")},
        }

    def _watchers(self, curve: Curve) -> list[Any]:
        from llama_index_rerank_tuner.training.watch.callbacks import Watch

        self._watch = Watch(curve, self.config.patience, self.config.max_forgetting)
        if self.on_look is None:
            return [self._watch]
        from llama_index_rerank_tuner.training.search.telling import TellLooks

        return [self._watch, TellLooks(self.on_look)]

    def _refuse_to_replace(self, curve: Curve) -> None:
        """A run that was lost on its way publishes its best only where that replaces no checkpoint."""
        if self._watch is not None and not self._watch.healthy and self.folder.output.exists():
            raise ScoreError(f"{curve.alarms[-1]} The checkpoint in {self.folder.output} stays as it was.")

    def _write(self, report: dict[str, Any]) -> None:
        if self.folder.processes.first:
            write_json(self.folder.checkpoint / REPORT_FILE, report)
            write_model_card(self.folder.checkpoint, name=self.folder.output.name, dataset=self.training)

    def _finished_report(self) -> dict[str, Any]:
        report = read_json(self.folder.output / REPORT_FILE)
        self.contract = TextContract.load(self.folder.output) or self.contract
        return dict(report or {})
