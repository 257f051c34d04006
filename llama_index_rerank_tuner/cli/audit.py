"""``rerank-tuner audit``: find the faults of labelled data before training on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llama_index_rerank_tuner.cli.console import say

if TYPE_CHECKING:
    from llama_index_rerank_tuner.dataset import RerankDataset


def audit(
    files: Annotated[list[Path], typer.Argument(help="Files or folders of labelled questions, in any known format.")],
    save: Annotated[Path | None, typer.Option(help="Write the audits as JSON, an object by file.")] = None,
    repair: Annotated[
        Path | None,
        typer.Option(help="Write the repaired questions (one FILE): *.jsonl as groups, a name without ending as BEIR."),
    ] = None,
    group_key: Annotated[str | None, typer.Option(help="Metadata key of the source document (BEIR).")] = None,
    val: Annotated[Path | None, typer.Option(help="The validation set, for the advice on sizes.")] = None,
    max_length: Annotated[int, typer.Option(min=1, help="Longest pair the model reads, in tokens.")] = 512,
) -> None:
    """Show what labelled data holds and what is wrong with it; exit status 1 when something must be fixed."""
    from llama_index_rerank_tuner.dataset import RerankDataset
    from llama_index_rerank_tuner.errors import ConfigError
    from llama_index_rerank_tuner.json_files import write_json

    if repair is not None and len(files) != 1:
        raise ConfigError(f"--repair writes one file: give one FILE, got {len(files)}.")
    validation = None if val is None else RerankDataset.load(val, group_key=group_key)
    sets = {str(file): RerankDataset.load(file, group_key=group_key) for file in files}
    audits = {file: each.audit(validation=validation, max_length=max_length) for file, each in sets.items()}
    for file, each in audits.items():
        say(f"{file}\n{each}\n")
    if save is not None:
        write_json(save, {file: each.to_dict() for file, each in audits.items()})
        say(f"audit saved to {save}")
    if repair is not None:
        _write_repaired(next(iter(sets.values())), repair)
    elif any(each.must_fix for each in audits.values()):
        say("Something must be fixed: --repair OUT.jsonl (or OUT_FOLDER, with the corpus) writes a repaired copy.")
        raise typer.Exit(1)


def _write_repaired(dataset: RerankDataset, path: Path) -> None:
    repaired, report = dataset.repair()
    repaired.save(path, "groups" if path.suffix else "beir")
    report.save(path.with_suffix(".changes.json"))
    say(f"{report}\n\n{len(repaired):,} questions with their judged passages written to {path}")
    if path.suffix and (left_out := _not_named(repaired)):
        say(f"{left_out:,} passages that no question names are left out; a folder (--repair OUT_FOLDER) keeps them")
    say(f"every change listed in {path.with_suffix('.changes.json')}")


def _not_named(dataset: RerankDataset) -> int:
    """Number of passages of the corpus that stand under no question."""
    named = {p.key for e in dataset for p in (*e.positives, *e.negatives, *(e.candidates or ()))}
    return sum(passage.key not in named for passage in dataset.corpus)
