"""A subject with room to improve: the retriever ties four passages a question, and only one kind of them answers it."""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llama_index.core.schema import NodeWithScore

from llama_index_rerank_tuner import BM25JiebaRetriever, FinetuneConfig, RerankDataset, TuneResult, tune_reranker
from llama_index_rerank_tuner.dataset.nodes import node_of
from llama_index_rerank_tuner.errors import RerankTunerWarning
from llama_index_rerank_tuner.records import Passage, RerankExample

TOPICS = ("deadline", "fee", "form", "grant", "permit", "refund")
ANSWER, OTHERS = "month", ("rule", "cat", "dog")
KINDS = (ANSWER, *OTHERS)
DOCUMENTS = (
    "apply office pay tax wage city firm staff year claim new old small large who when how much may must".split()  # noqa: SIM905
)
TRAINED_ON, TESTED_ON = DOCUMENTS[:12], DOCUMENTS[12:]
SETTINGS: dict[str, Any] = {
    "epochs": 4,
    "learning_rate": 3e-3,
    "batch_size": 20,
    "max_length": 32,
    "precision": "fp32",
    "guard": False,
    "save_steps": None,
}


def passage(document: str, topic: str, kind: str) -> Passage:
    return Passage(f"{topic} {kind} of {document}", node_id=f"{document}-{topic}-{kind}", group=document)


def question(document: str, topic: str, answer: str = ANSWER) -> RerankExample:
    return RerankExample(
        f"{document}-{topic}", f"what {topic} of the {document}", (passage(document, topic, answer),), group=document
    )


def subject(documents: Sequence[str], answer: str = ANSWER) -> RerankDataset:
    """Six questions a document; their passages lie in a random order, so that ties are broken at random."""
    passages = [passage(document, topic, kind) for document in documents for topic in TOPICS for kind in KINDS]
    random.Random(0).shuffle(passages)
    return RerankDataset.build(
        [question(document, topic, answer) for document in documents for topic in TOPICS], passages
    )


@dataclass(frozen=True)
class Tuning:
    result: TuneResult
    warned: str


def tune(folder: Path, model: str, labelled: RerankDataset, config: dict[str, Any], **settings: Any) -> Tuning:
    """Tune over the passages of all the questions, and keep what was warned of."""
    test = settings.get("test")
    searched = {
        each.key: each for each in (*labelled.corpus, *(test.corpus if isinstance(test, RerankDataset) else ()))
    }
    nodes = RerankDataset.build(labelled.examples, searched.values()).nodes()
    chosen: dict[str, Any] = {
        "retrievers": {"bm25": BM25JiebaRetriever(nodes, 20)},
        "depth": 8,
        "val": 18,
        "test": 48,
        "negatives_per_query": 4,
        "guards": (),
    }
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RerankTunerWarning)
        result = tune_reranker(
            labelled,
            model_id=model,
            output=folder / "out",
            config=FinetuneConfig(**(SETTINGS | config)),
            **(chosen | settings),
        )
    said = [str(each.message) for each in caught if issubclass(each.category, RerankTunerWarning)]
    return Tuning(result, "\n".join(said))


def served_rankings(result: TuneResult) -> dict[str, list[str]]:
    """What ``TuneResult.reranker`` returns for every test question."""
    found = {}
    for example in RerankDataset.from_groups(result.output / "data" / "test.jsonl"):
        retrieved = [NodeWithScore(node=node_of(each), score=1.0) for each in example.candidates or ()]
        with warnings.catch_warnings():
            # Candidates of one document each look like another scope, which is not what is tested here.
            warnings.simplefilter("ignore", RerankTunerWarning)
            reranked = result.reranker.postprocess_nodes(retrieved, query_str=example.query)
        found[example.query_id] = [each.node.node_id for each in reranked]
    return found


def measured_rankings(result: TuneResult) -> dict[str, list[str]]:
    """What the served contestant returned in the benchmark, as far as ``TuneResult.reranker`` goes."""
    measured = result.benchmark.rankings[result.serving.name]
    return {query_id: [key for key, _ in ranking[: result.reranker.top_n]] for query_id, ranking in measured.items()}
