"""The commands, one function each; everything is printed through ``cli.console``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from llama_index_rerank_tuner.cli.audit import audit
from llama_index_rerank_tuner.cli.bench import bench
from llama_index_rerank_tuner.cli.console import error, quiet_libraries, result_lines, say
from llama_index_rerank_tuner.cli.export import export
from llama_index_rerank_tuner.cli.report import report
from llama_index_rerank_tuner.cli.train import train
from llama_index_rerank_tuner.errors import RerankTunerError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Tune a reranker on your documents, and prove it.",
)
app.command()(audit)
app.command()(train)
app.command()(export)
app.command()(bench)
app.command()(report)

Output = Annotated[Path, typer.Option(help="Directory for the checkpoint (model/), the data used and the report.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier run in the output directory.")]
Epochs = Annotated[int | None, typer.Option(help="Passes over the labelled lists; by default from their number.")]
Seed = Annotated[int, typer.Option(help="Same data and seed, same split, negatives and start.")]


@app.command()
def run(
    data: Annotated[
        Path | None,
        typer.Option(envvar="RERANK_TUNER_DATA", help="BEIR folder, triples or groups file. Or set RERANK_TUNER_DATA."),
    ] = None,
    output: Output = Path("tuned_reranker"),
    model: Annotated[str, typer.Option(help="Cross-encoder or encoder to tune: hub id or path.")] = "all-MiniLM-L6-v2",
    group_key: Annotated[str | None, typer.Option(help="Metadata key of the source document (BEIR).")] = None,
    depth: Annotated[int, typer.Option(help="Candidates a query is reranked over.")] = 30,
    val: Annotated[float, typer.Option(help="Share of the questions to validate on; from 1 up, their number.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share of the questions to test on; from 1 up, their number.")] = 0.2,
    epochs: Epochs = None,
    negatives: Annotated[int, typer.Option(help="Negatives mined for a training question.")] = 5,
    guards: Annotated[bool, typer.Option(help="Keep likely false negatives out of the training data.")] = True,
    seed: Seed = 0,
    force: Annotated[
        bool, typer.Option("--force", help="Record that the tuned model is served even where it is not proven better.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Tune a reranker on labelled questions, benchmark it, and say whether it is better."""
    from llama_index_rerank_tuner.dataset import RerankDataset
    from llama_index_rerank_tuner.errors import ConfigError
    from llama_index_rerank_tuner.pipeline import tune_reranker
    from llama_index_rerank_tuner.training import FinetuneConfig

    if data is None:
        raise ConfigError("Give the data: --data DIR_OR_FILE, or the environment variable RERANK_TUNER_DATA.")
    dataset = RerankDataset.load(data, group_key=group_key)
    say(str(dataset.audit()))
    result = tune_reranker(
        dataset,
        model_id=model,
        output=output,
        depth=depth,
        val=_size(val),
        test=_size(test),
        config=FinetuneConfig(epochs=epochs, seed=seed),
        negatives_per_query=negatives,
        guards=None if guards else (),
        force=force,
        show_progress=True,
        overwrite=overwrite,
    )
    say(result_lines(result))


@app.command()
def demo(
    output: Output = Path("runs/demo"),
    epochs: Epochs = 2,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """The whole road on the bundled handbook: no key, no GPU, no model hub (needs the 'offline' extra)."""
    from llama_index_rerank_tuner.dataset import load_handbook
    from llama_index_rerank_tuner.pipeline import tune_reranker
    from llama_index_rerank_tuner.training import FinetuneConfig

    result = tune_reranker(
        load_handbook(),
        model_id="all-MiniLM-L6-v2",
        output=output,
        depth=8,
        val=36,
        test=120,
        config=FinetuneConfig(epochs=epochs, warm_start_lists=1, seed=seed, save_steps=None, guard=False),
        negatives_per_query=4,
        guards=(),  # the handbook's labels are complete
        show_progress=True,
        overwrite=overwrite,
    )
    say(result_lines(result))


def _size(value: float) -> float | int:
    return int(value) if value >= 1 else value


def main() -> None:
    """Run the command; an error a user can mend is one message, not a traceback."""
    quiet_libraries()
    try:
        app()
    except RerankTunerError as problem:
        error(str(problem))
        sys.exit(1)


if __name__ == "__main__":
    main()
