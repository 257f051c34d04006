"""``rerank-tuner train``: fine-tune on labelled data as it is, without mining and without a benchmark."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llama_index_rerank_tuner.cli.console import say

if TYPE_CHECKING:
    from llama_index_rerank_tuner.training import CrossEncoderFinetuneEngine, FinetuneConfig


def train(
    train: Annotated[Path, typer.Option("--train", help="Labelled questions with negatives, in any known format.")],
    val: Annotated[Path | None, typer.Option(help="The validation set; by default a tenth is cut, by group.")] = None,
    model: Annotated[str, typer.Option(help="Cross-encoder or encoder to tune: hub id or path.")] = "all-MiniLM-L6-v2",
    output: Annotated[Path, typer.Option(help="Directory for the checkpoint.")] = Path("tuned_model"),
    config: Annotated[Path | None, typer.Option(help="TOML file of settings; the options below win over it.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the data.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Pairs a step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak learning rate.")] = None,
    loss: Annotated[str | None, typer.Option(help="Loss, for example cross_entropy or bce.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Longest pair in tokens.")] = None,
    seed: Annotated[int | None, typer.Option(help="Same data, settings and seed, same weights.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda or mps; by default a GPU where there is one.")] = None,
    report_to: Annotated[list[str] | None, typer.Option(help="Tracker, such as tensorboard; may be repeated.")] = None,
    group_key: Annotated[str | None, typer.Option(help="Metadata key of the source document (BEIR).")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a killed run stopped.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier checkpoint in --output.")] = False,
    push_to_hub: Annotated[str | None, typer.Option(help="Hub id to upload the checkpoint and its card to.")] = None,
    private: Annotated[bool, typer.Option("--private", help="Make a new hub repository private.")] = False,
) -> None:
    """Fine-tune a reranker on labelled data as it is; no mining, no benchmark (that is 'run').

    On several devices: torchrun --nproc_per_node 2 -m llama_index_rerank_tuner.cli train …
    """
    from llama_index_rerank_tuner.dataset import RerankDataset
    from llama_index_rerank_tuner.training import CrossEncoderFinetuneEngine
    from llama_index_rerank_tuner.training.record.publishing import push_to_hub as upload

    first = _is_first_process()
    if not first:
        _silence()
    given: dict[str, Any] = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "loss": loss}
    given |= {"max_length": max_length, "seed": seed, "report_to": tuple(report_to) if report_to else None}
    engine = CrossEncoderFinetuneEngine(
        RerankDataset.load(train, group_key=group_key),
        None if val is None else RerankDataset.load(val, group_key=group_key),
        model_id=model,
        model_output_path=output,
        config=_settings(config, given),
        show_progress=first,
        overwrite=overwrite,
        device=device,
    )
    if first:
        say(f"{len(engine.train_dataset):,} questions to train on, {len(engine.val_dataset):,} to validate on")
    engine.finetune(resume=resume)
    if not first:
        return
    say("\n".join(_result_lines(engine)))
    if push_to_hub is not None:
        say(f"uploaded    {upload(engine.model_output_path, push_to_hub, private=private or None)}")


def _settings(file: Path | None, given: Mapping[str, Any]) -> FinetuneConfig:
    """The file's settings, or the defaults, under those given as options."""
    from llama_index_rerank_tuner.training import FinetuneConfig

    config = FinetuneConfig() if file is None else FinetuneConfig.from_toml(file)
    return config.overridden(**given)


def _result_lines(engine: CrossEncoderFinetuneEngine) -> Iterator[str]:
    """The settings with their reasons, the curve, and where everything lies."""
    from llama_index_rerank_tuner.training.record.card_sections import settings_and_reasons
    from llama_index_rerank_tuner.training.run.folder import REPORT_FILE

    values, reasons = settings_and_reasons(engine.report)
    yield "\nsettings"
    for name, value in values.items():
        yield f"  {name:<26} {_shown(value):<16} {reasons.get(name, '')}".rstrip()
    yield from _curve_lines(engine.report)
    yield ""
    yield f"checkpoint  {engine.model_output_path}"
    yield f"report      {engine.model_output_path / REPORT_FILE}"
    yield "Validation chose these weights, so its figure is optimistic: measure them on questions held out from both."


def _curve_lines(report: Mapping[str, Any]) -> Iterator[str]:
    """nDCG@10 of each look at validation, the one kept marked."""
    best = report.get("best")
    yield f"nDCG@10 over {report.get('validated on', 'validation lists')}"
    for step, ndcg in report["curve"]["validation"]:
        note = "  before training" if step == 0 else "  kept" if best and step == best[0] else ""
        yield f"  step {step:<8} {ndcg:.4f}{note}"


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _is_first_process() -> bool:
    """Whether this process prints: of those that ``torchrun`` starts, the one of rank 0."""
    return int(os.environ.get("RANK", "0")) == 0


def _silence() -> None:
    """Leave the messages to the first process; errors still show."""
    logging.getLogger("llama_index_rerank_tuner").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
