"""The model card of a checkpoint: what it was trained on, how well it ranks, and how to use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import CheckpointNotFoundError, ConfigError, DataError
from llama_index_rerank_tuner.json_files import read_json
from llama_index_rerank_tuner.models import MINILM
from llama_index_rerank_tuner.text import TextContract
from llama_index_rerank_tuner.training.record import card_sections as sections
from llama_index_rerank_tuner.training.run.folder import REPORT_FILE, RUN_FILE, VERDICT_FILE

if TYPE_CHECKING:
    from huggingface_hub import ModelCardData

CARD_FILE = "README.md"
TAGS = ["sentence-transformers", "cross-encoder", "reranker", "llama-index", "llama-index-rerank-tuner"]
LANGUAGE_CODES = {"Chinese": "zh", "Japanese": "ja", "Korean": "ko"}
"""Only these scripts tell the language."""


class Reported(Protocol):
    """A result that can be told as JSON, such as ``evaluation.BenchmarkResult``."""

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON values."""


@dataclass(frozen=True, slots=True)
class CheckpointRecord:
    """What lies in and beside a checkpoint, read back.

    Args:
        name: Hub id, or the name of the directory.
        on_hub: Whether ``name`` is a hub id.
        report: The training report; empty where there is none.
        verdict: The stored verdict; empty where it was not benchmarked.
        contract: How query and passage become text.
        benchmark: The benchmark as JSON values; empty where there is none.
        mixed: Whether the checkpoint carries a fitted mix with the retriever's rank.
    """

    name: str
    on_hub: bool
    report: Mapping[str, Any]
    verdict: Mapping[str, Any]
    contract: TextContract
    benchmark: Mapping[str, Any]
    mixed: bool


def model_card(
    checkpoint: str | Path,
    *,
    repo_id: str | None = None,
    name: str | None = None,
    benchmark: Mapping[str, Any] | Reported | str | Path | None = None,
    dataset: RerankDataset | None = None,
    examples: int = 0,
    licence: str | None = None,
    language: str | list[str] | None = None,
) -> str:
    """The card as Markdown with the front matter that a model hub reads.

    It holds figures and settings, and no text of the training data, unless ``examples`` asks for some.

    Args:
        checkpoint: Directory of the tuned model.
        repo_id: Hub id it will have, for the title and the snippets.
        name: Title where there is no hub id; None for the directory's name.
        benchmark: A ``BenchmarkResult``, its JSON, or the file of it; None takes the ``run.json`` of
            ``tune_reranker`` beside the checkpoint where there is one.
        dataset: The training data, for where its negatives came from and for ``examples``.
        examples: How many training questions to print with a positive and a negative. They become public.
        licence: Licence of the model, as the hub names it (``mit``); None states that it is unknown.
        language: ISO 639 code, or several; None takes those that the questions' script tells for certain.

    Raises:
        CheckpointNotFoundError: The directory holds no model.
        ConfigError: ``examples`` is negative, or asked for without the data.
        DataError: The benchmark cannot be read.
    """
    if examples < 0 or (examples and dataset is None):
        raise ConfigError(f"examples must not be negative and needs dataset=, got {examples}.")
    record = read_checkpoint(checkpoint, repo_id, benchmark, name)
    front_matter = _front_matter(record, licence, language).to_yaml()
    parts = [
        f"---\n{front_matter}\n---",
        sections.introduction(record),
        sections.verdict(record),
        sections.usage(record),
        sections.metrics(record),
        sections.data(record, dataset),
        sections.sample(dataset, examples) if dataset is not None else "",
        sections.contract(record),
        sections.settings(record),
        sections.warnings(record),
        sections.versions(record),
        sections.licence(record, licence),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def write_model_card(checkpoint: str | Path, **settings: Any) -> Path:
    """Write the card as ``README.md`` into the checkpoint, over what sentence-transformers wrote there.

    The card of sentence-transformers quotes training pairs; this one does not.

    Args:
        checkpoint: Directory of the tuned model.
        settings: As for ``model_card``.
    """
    path = Path(checkpoint).expanduser() / CARD_FILE
    path.write_text(model_card(checkpoint, **settings), encoding="utf-8")
    return path


def read_checkpoint(
    checkpoint: str | Path,
    repo_id: str | None,
    benchmark: Mapping[str, Any] | Reported | str | Path | None,
    name: str | None = None,
) -> CheckpointRecord:
    """Read what the card states.

    Raises:
        CheckpointNotFoundError: The directory holds no model.
        DataError: The benchmark cannot be read.
    """
    folder = Path(checkpoint).expanduser().resolve()
    if not (folder / "config.json").is_file():
        raise CheckpointNotFoundError(f"No model at {str(folder)!r}: the directory has no config.json.")
    verdict = read_json(folder / VERDICT_FILE) or {}
    beside = folder.parent / RUN_FILE
    if benchmark is None and verdict and beside.is_file():
        benchmark = beside
    return CheckpointRecord(
        name=repo_id or name or folder.name,
        on_hub=repo_id is not None,
        report=read_json(folder / REPORT_FILE) or {},
        verdict=verdict,
        contract=TextContract.load(folder) or TextContract(),
        benchmark=_benchmark(benchmark),
        mixed=(folder / "mix.json").is_file(),
    )


def _benchmark(given: Mapping[str, Any] | Reported | str | Path | None) -> Mapping[str, Any]:
    if given is None:
        return {}
    where, content = "benchmark", given
    if isinstance(given, str | Path):
        where, content = str(given), read_json(Path(given))
    elif not isinstance(given, Mapping):
        content = given.to_dict()
    found = content.get("benchmark", content) if isinstance(content, Mapping) else None
    if not isinstance(found, Mapping) or "contestants" not in found:
        raise DataError(where, "it holds no benchmark", "Give a BenchmarkResult, or the run.json of tune_reranker.")
    return found


def _front_matter(record: CheckpointRecord, licence: str | None, language: str | list[str] | None) -> ModelCardData:
    from huggingface_hub import ModelCardData

    results = _results(record)
    languages = sections.counts(record).get("languages", {})
    return ModelCardData(
        base_model=hub_model(str(record.report.get("model_id", ""))),
        language=language or sorted(LANGUAGE_CODES[each] for each in languages if each in LANGUAGE_CODES) or None,
        library_name="sentence-transformers",
        license=licence,
        pipeline_tag="text-ranking",
        tags=list(TAGS),
        eval_results=results or None,
        model_name=record.name.rsplit("/", 1)[-1] if results else None,
    )


def _results(record: CheckpointRecord) -> list[Any]:
    """The benchmark of the model alone, which is what the hub's other tools load, in the hub's form."""
    from huggingface_hub import EvalResult

    alone = record.benchmark.get("contestants", {}).get("tuned", {})
    return [
        EvalResult(
            task_type="text-ranking",
            task_name="Reranking",
            dataset_type="private",
            dataset_name="held-out questions of the training domain",
            metric_type=name.lower(),
            metric_name=name,
            metric_value=round(figures["mean"], 4),
        )
        for name, figures in alone.items()
    ]


def hub_model(model_id: str) -> str | None:
    """The hub id of a base model; None for a path.

    Example:
        >>> hub_model("BAAI/bge-reranker-base"), hub_model("/home/me/model"), hub_model("all-MiniLM-L6-v2")
        ('BAAI/bge-reranker-base', None, 'sentence-transformers/all-MiniLM-L6-v2')
    """
    if model_id == MINILM.rsplit("/", 1)[-1]:
        return MINILM
    is_id = model_id.count("/") == 1 and not model_id.startswith((".", "/", "~")) and not Path(model_id).exists()
    return model_id if is_id else None
