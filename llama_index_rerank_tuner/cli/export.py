"""``rerank-tuner export``: make a checkpoint's faster variants, and check that they rank as well."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llama_index_rerank_tuner.cli.console import say

if TYPE_CHECKING:
    from llama_index.core.retrievers import BaseRetriever

    from llama_index_rerank_tuner.dataset import RerankDataset


def export(
    checkpoint: Annotated[Path, typer.Argument(help="Directory of the tuned reranker.")],
    validation: Annotated[Path, typer.Option(help="Validation questions with hard negatives, in any known format.")],
    backend: Annotated[
        list[str] | None, typer.Option(help="torch, onnx or openvino; may be repeated. By default all of them.")
    ] = None,
    depth: Annotated[int, typer.Option(min=2, help="Candidates a question is ranked over.")] = 30,
    retrieve: Annotated[
        bool, typer.Option("--retrieve", help="Take BM25's candidates, not the passages given with the questions.")
    ] = False,
    allow_small: Annotated[
        bool, typer.Option("--allow-small", help="Judge on fewer than 300 questions too; else fp32 is kept.")
    ] = False,
    group_key: Annotated[str | None, typer.Option(help="Metadata key of the source document (BEIR).")] = None,
) -> None:
    """Convert a reranker for ONNX Runtime and OpenVINO, check each variant on your questions, record what passed.

    A variant passes when the 95 % upper bound of its nDCG@10 loss against torch in fp32 is at most 0.005.
    """
    from llama_index_rerank_tuner.dataset import RerankDataset
    from llama_index_rerank_tuner.deployment import optimise, variants_table
    from llama_index_rerank_tuner.reranking.backends.choosing import choose
    from llama_index_rerank_tuner.reranking.backends.variants import VARIANTS_FILE

    dataset = RerankDataset.load(validation, group_key=group_key)
    measured = optimise(
        checkpoint,
        dataset,
        _bm25(dataset, depth) if retrieve else None,
        depth=depth,
        variants=_variants(backend),
        allow_small=allow_small,
        show_progress=True,
    )
    choice = choose(checkpoint, device="cpu")
    say(f"\n{variants_table(measured)}\n")
    say(f"record      {checkpoint / VARIANTS_FILE}")
    say(f'on a CPU backend="auto" takes {choice.backend} {choice.precision or "fp32"}: {choice.why}')


def _variants(backends: list[str] | None) -> list[str]:
    from llama_index_rerank_tuner.deployment.optimising import VARIANTS
    from llama_index_rerank_tuner.errors import ConfigError

    known = list(dict.fromkeys(name.split()[0] for name in VARIANTS))
    if unknown := [name for name in backends or () if name not in known]:
        raise ConfigError(f"--backend is one of {', '.join(known)}, got {unknown[0]!r}.")
    return [name for name in VARIANTS if not backends or name.split()[0] in backends]


def _bm25(dataset: RerankDataset, depth: int) -> BaseRetriever:
    from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever

    return BM25JiebaRetriever(dataset.nodes(), depth)
