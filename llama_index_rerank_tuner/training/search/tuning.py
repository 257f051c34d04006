"""``tune_hyperparameters``: train with several settings, and keep those that rank validation best."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError, MissingExtraError, RerankTunerError
from llama_index_rerank_tuner.journal import Journal, content_hash
from llama_index_rerank_tuner.models import resolve_model
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.text import TextContract
from llama_index_rerank_tuner.training.engine import CrossEncoderFinetuneEngine, Records
from llama_index_rerank_tuner.training.search.running import BEST, OnLook, Search
from llama_index_rerank_tuner.training.search.space import SearchSpace, with_negatives
from llama_index_rerank_tuner.training.search.trials import SearchResult, Trial, best_trial
from llama_index_rerank_tuner.training.settings.config import DEFAULT_MODEL, FinetuneConfig

JOURNAL = "search.journal"


def tune_hyperparameters(
    train_dataset: Records,
    val_dataset: Records | None = None,
    *,
    trials: int = 10,
    output: str | Path = "tuned_search",
    storage: str | Path | None = None,
    space: SearchSpace | None = None,
    config: FinetuneConfig | None = None,
    model_id: str | Path = DEFAULT_MODEL,
    warm_start: Sequence[RerankExample] | None = None,
    contract: TextContract | None = None,
    prune: bool = True,
    device: str | None = None,
    show_progress: bool = False,
) -> SearchResult:
    """Search learning rate, epochs, loss and negatives per query for the highest nDCG@10 on validation.

    The first trial is the configuration as given. A trial that lies behind the median of the earlier ones at the same
    look is ended early; one that fails is recorded, and the search goes on. Every trial is written to a journal: the
    same call goes on where a killed search stopped, and ends as it would have; more ``trials`` extend a search. Keep
    test questions out of it: the best figure is the highest of many, and so optimistic.

    Args:
        train_dataset: Labelled questions, in any form that the engine takes.
        val_dataset: The same for validation; None cuts a tenth from the training data, by group, once for all trials.
        trials: Number of trials, those of an earlier call included.
        output: Directory for the best checkpoint (``best/``), ``trials.json``, ``trials.md`` and the journal.
        storage: File of the journal; None for ``search.journal`` in ``output``. One search at a time may hold it.
        space: Where to look; None for the default bounds.
        config: All other settings, and the first trial.
        model_id: Cross-encoder or encoder that every trial starts from.
        warm_start: Imitation lists for a model whose head is new; every trial trains on them first.
        contract: How query and passage become text; None takes the data set's.
        prune: Whether trials may be ended early.
        device: ``cpu``, ``cuda``, ``mps``; None takes a GPU where there is one.
        show_progress: Show each trial's progress bar.

    Returns:
        The best settings, the table of trials, and where the best checkpoint is.

    Raises:
        MissingExtraError: optuna is not installed.
        ConfigError: A setting cannot work, or several processes run the search.
        CheckpointNotFoundError: There is no such model.
        DataError: The data cannot be used, or the journal is of a search with other data or settings.
        RerankTunerError: No trial could be trained to its end.

    Source: Akiba et al., "Optuna: A Next-generation Hyperparameter Optimization Framework", KDD 2019 (median pruning);
    Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NeurIPS 2011 (the sampler).
    """
    _check_request(trials)
    config, output = config or FinetuneConfig(), Path(output).expanduser().resolve()
    resolve_model(model_id)
    fixed: dict[str, Any] = {
        "model_id": model_id,
        "warm_start": warm_start,
        "device": device,
        "show_progress": show_progress,
    }
    whole = CrossEncoderFinetuneEngine(train_dataset, val_dataset, contract=contract, config=config, **fixed)
    train, validation = whole.train_dataset, whole.val_dataset
    space = (space or SearchSpace()).over(train)
    trainer = _EngineTrials(train, validation, config, {**fixed, "contract": whole.contract})
    made_with = {
        "model": str(model_id),
        "data": content_hash(*(_fingerprint(dataset) for dataset in (train, validation, warm_start or ()))),
        "space": asdict(space),
        "config": config.to_dict(),
        "contract": asdict(whole.contract),
        "prune": prune,
    }
    with Journal(storage or output / JOURNAL, _as_json(made_with)) as journal:
        search = Search(journal, space, space.start(config), trainer, output, config.seed, prune)
        done = search.run(trials)
    return _result(done, config, output)


@dataclass(frozen=True, slots=True)
class _EngineTrials:
    """Trains trials with ``CrossEncoderFinetuneEngine``."""

    train_dataset: RerankDataset
    val_dataset: RerankDataset
    config: FinetuneConfig
    fixed: dict[str, Any]

    def __call__(self, settings: dict[str, Any], folder: Path, on_look: OnLook) -> float:
        tried = dict(settings)
        training = with_negatives(self.train_dataset, tried.pop("negatives_per_query"), self.config.seed)
        engine = CrossEncoderFinetuneEngine(
            training, self.val_dataset, config=self.config.overridden(**tried), model_output_path=folder, **self.fixed
        )
        engine.finetune(on_look=on_look)
        return float(engine.report["best"][1])


def _check_request(trials: int) -> None:
    if trials < 1:
        raise ConfigError(f"trials must be a positive integer, got {trials}.")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ConfigError(
            "A search runs in one process: start it without torchrun. Its best settings can be trained with it."
        )
    if find_spec("optuna") is None:
        raise MissingExtraError("tune_hyperparameters needs optuna.", "search")


def _result(done: Sequence[Trial], config: FinetuneConfig, output: Path) -> SearchResult:
    best = best_trial(done)
    if best is None:
        reasons = next((trial.notes[-1] for trial in done if trial.notes), "all were pruned")
        raise RerankTunerError(f"None of the {len(done)} trials could be trained to its end. The first: {reasons}")
    settings = dict(best.settings)
    negatives = settings.pop("negatives_per_query")
    result = SearchResult(config.overridden(**settings), negatives, tuple(done), output / BEST)
    result.save(output)
    return result


def _fingerprint(examples: Iterable[RerankExample]) -> str:
    """A hash of all that training and validation read."""
    return content_hash(
        [
            [each.query_id, each.query, *(_texts(side) for side in (each.positives, each.negatives, each.candidates))]
            for each in examples
        ]
    )


def _texts(passages: Sequence[Passage] | None) -> list[Any] | None:
    return None if passages is None else [[each.key, each.text, each.label, each.teacher_score] for each in passages]


def _as_json(settings: dict[str, Any]) -> dict[str, Any]:
    """With lists for tuples, as the journal gives them back."""
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain
