"""The whole road on a tiny model and a lexical retriever: what it leaves behind, and what it refuses."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import NodeRelationship, NodeWithScore, RelatedNodeInfo, TextNode

from llama_index_rerank_tuner import BM25JiebaRetriever, FinetuneConfig, RerankDataset, TuneResult, tune_reranker
from llama_index_rerank_tuner.errors import CheckpointExistsError, ConfigError, DataError, LeakError, RerankTunerWarning
from llama_index_rerank_tuner.evaluation.report import load_document
from tests.conftest import WORDS

TOPICS = ["deadline", "fee", "form", "grant", "permit", "refund"]
FAST = FinetuneConfig(epochs=1, learning_rate=2e-4, batch_size=32)


def app_nodes() -> list[TextNode]:
    return [
        TextNode(
            id_=f"{group}-{topic}",
            text=f"{topic} rule of {WORDS[group]}",
            metadata={"page": group},
            relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"document-{group}")},
        )
        for group in range(12)
        for topic in TOPICS
    ]


def app_questions() -> list[dict[str, Any]]:
    return [
        {"query": f"what {topic} of the {WORDS[group]}", "relevant_ids": [f"{group}-{topic}"]}
        for group in range(12)
        for topic in TOPICS
    ]


def tune(output: Path, model: str, **settings: Any) -> TuneResult:
    nodes = app_nodes()
    chosen: dict[str, Any] = {
        "nodes": nodes,
        "questions": app_questions(),
        "retrievers": {"bm25": BM25JiebaRetriever(nodes, 20)},
        "config": FAST,
        "val": 12,
        "test": 36,
        "depth": 12,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RerankTunerWarning)
        return tune_reranker(model_id=model, output=output, **(chosen | settings))


@pytest.fixture(scope="module")
def tuned(tiny_models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> TuneResult:
    return tune(tmp_path_factory.mktemp("run") / "out", str(tiny_models["encoder"]))


def test_everything_promised_lies_in_the_output_folder(tuned: TuneResult) -> None:
    names = {str(path.relative_to(tuned.output)) for path in tuned.output.rglob("*") if path.is_file()}
    assert names >= {
        "report.html",
        "report.json",
        "report.md",
        "run.json",
        "gap.png",
        "data/train.jsonl",
        "data/val.jsonl",
        "data/test.jsonl",
        "model/config.json",
        "model/rerank_contract.json",
        "model/training_report.json",
        "model/mix.json",
        "model/calibration.json",
        "model/verdict.json",
        "model/last/config.json",
        "model/base/config.json",
    }


def test_all_five_contestants_stand_in_the_report(tuned: TuneResult) -> None:
    record = json.loads((tuned.output / "run.json").read_text())
    assert list(record["benchmark"]["contestants"]) == ["retriever", "base", "base + mix", "tuned", "tuned + mix"]
    assert record["benchmark"]["questions"] == 36
    assert record["verdict"] == tuned.verdict.outcome
    document = load_document(tuned.output / "report.json")
    assert list(document["contestants"]) == list(record["benchmark"]["contestants"])
    assert (document["verdict"]["outcome"], document["after"]) == (tuned.verdict.outcome, "tuned + mix")


def test_nothing_of_a_held_out_document_is_taught(tuned: TuneResult) -> None:
    train, *held_out = (
        RerankDataset.from_groups(tuned.output / "data" / f"{name}.jsonl") for name in ("train", "val", "test")
    )
    groups = {example.group for side in held_out for example in side}
    assert len(groups) == 8
    for example in train:
        assert example.negatives
        assert groups.isdisjoint(passage.group for passage in (*example.positives, *example.negatives))


def test_the_text_tuned_on_is_the_text_that_llamaindex_rerankers_score(tuned: TuneResult) -> None:
    train = RerankDataset.from_groups(tuned.output / "data" / "train.jsonl")
    texts = {node.node_id: node.get_content(metadata_mode="embed") for node in app_nodes()}
    assert all(passage.text == texts[passage.key] for passage in train.corpus)
    assert tuned.reranker.contract.metadata_mode == "embed"
    assert tuned.reranker.contract.retriever == "bm25"


def test_the_reranker_obeys_the_verdict(tuned: TuneResult) -> None:
    if tuned.verdict.outcome == "better":
        assert tuned.serving.name == "tuned + mix"
        assert tuned.reranker.model == str(tuned.checkpoint)
    else:
        assert tuned.serving.name in ("retriever", "base", "base + mix")
        assert tuned.reranker.model == str(tuned.checkpoint / "base")
    nodes = [NodeWithScore(node=node, score=1.0) for node in app_nodes()[:5]]
    assert len(tuned.reranker.postprocess_nodes(nodes, query_str="what fee")) == 3


def untaught(output: Path, model: str, force: bool) -> TuneResult:
    """A learning rate that cannot move the model: it equals its base, so there is no evidence, and a warning."""
    nodes = app_nodes()
    with pytest.warns(RerankTunerWarning, match=r"not proven better .*nDCG@10 of tuned \+ mix: .* To try: "):
        return tune_reranker(
            nodes=nodes,
            questions=app_questions(),
            retrievers=BM25JiebaRetriever(nodes, 20),
            model_id=model,
            output=output,
            config=FinetuneConfig(epochs=1, learning_rate=1e-12),
            val=12,
            test=36,
            force=force,
        )


def test_what_is_not_better_is_not_promoted(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    result = untaught(tmp_path / "out", str(tiny_models["cross-encoder"]), force=False)
    assert result.verdict.outcome != "better"
    assert result.reranker.model == str(tiny_models["cross-encoder"])
    best = max(result.serving.validation.values())
    assert (result.serving.validation[result.serving.name], result.serving.forced) == (best, False)
    assert "forced" not in (result.checkpoint / "README.md").read_text()
    assert json.loads((result.output / "run.json").read_text())["served"] == result.serving.name


def test_what_is_not_better_can_be_forced_and_the_checkpoint_says_so(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    result = untaught(tmp_path / "out", str(tiny_models["cross-encoder"]), force=True)
    assert result.verdict.outcome != "better"
    assert result.serving.forced
    assert result.serving.name in ("tuned", "tuned + mix")
    assert result.reranker.model == str(result.checkpoint)
    stored = json.loads((result.checkpoint / "verdict.json").read_text())
    assert (stored["verdict"], stored["forced"]) == (result.verdict.outcome, True)
    assert "that was forced (`force=True`)" in (result.checkpoint / "README.md").read_text()
    assert "forced although not proven better" in (result.output / "report.md").read_text()


def test_a_test_set_that_leaks_is_refused_before_training(tiny_cross_encoder: str, tmp_path: Path) -> None:
    leaking = RerankDataset.from_nodes(app_nodes(), app_questions()[:36])
    with pytest.raises(LeakError, match="36 of its 36 questions stand in the training or validation data") as refused:
        tune(tmp_path / "out", tiny_cross_encoder, test=leaking)
    assert str(refused.value).count("\n") == 36
    assert not (tmp_path / "out").exists()


def test_an_earlier_run_is_not_overwritten_unasked(tuned: TuneResult, tiny_encoder: str) -> None:
    before = (tuned.output / "report.json").read_bytes()
    with pytest.raises(CheckpointExistsError):
        tune(tuned.output, tiny_encoder)
    assert (tuned.output / "report.json").read_bytes() == before


def test_same_seed_same_mined_data(tuned: TuneResult, tiny_encoder: str, tmp_path: Path) -> None:
    again = tune(tmp_path / "again", tiny_encoder)
    assert (again.output / "data" / "train.jsonl").read_bytes() == (tuned.output / "data" / "train.jsonl").read_bytes()


def test_data_and_nodes_at_once_or_neither_are_refused(learnable: RerankDataset) -> None:
    with pytest.raises(ConfigError, match="either dataset="):
        tune_reranker()
    with pytest.raises(ConfigError, match="either dataset="):
        tune_reranker(learnable, nodes=app_nodes(), questions=app_questions())


def test_a_question_that_names_no_node_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="question 0: no node has the id 'nowhere'"):
        tune_reranker(nodes=app_nodes(), questions=[{"query": "what", "relevant_ids": ["nowhere"]}], output=tmp_path)


def test_a_file_of_the_users_is_never_overwritten(
    learnable: RerankDataset, tiny_cross_encoder: str, tmp_path: Path
) -> None:
    mine = tmp_path / "train.jsonl"
    learnable.to_groups(mine)
    before = mine.read_bytes()
    for overwrite in (False, True):
        with pytest.raises(ConfigError, match="no earlier run"):
            tune(tmp_path, tiny_cross_encoder, overwrite=overwrite)
    assert mine.read_bytes() == before


def test_a_retriever_over_other_node_ids_is_refused_before_training(tiny_cross_encoder: str, tmp_path: Path) -> None:
    others = [TextNode(text=node.text) for node in app_nodes()]
    with pytest.raises(ConfigError, match="their ids differ"):
        tune(tmp_path / "out", tiny_cross_encoder, retrievers=BM25JiebaRetriever(others, 20))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"val": 6}, "validation got 1 source documents and needs 2"),
        ({"test": 24}, "test got 4 source documents and needs 6"),
        ({"test": 0}, "test got 0 source documents and needs 6"),
        ({"top_n": 0}, "top_n must be a positive integer, got 0"),
        ({"depth": 0}, "depth must be a positive integer, got 0"),
        ({"negatives_per_query": 0}, "negatives_per_query must be a positive integer, got 0"),
    ],
)
def test_what_would_fail_after_training_is_refused_before(
    tiny_cross_encoder: str, tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises((ConfigError, DataError), match=message):
        tune(tmp_path / "out", tiny_cross_encoder, **settings)
    assert not (tmp_path / "out").exists()


def test_a_retriever_is_asked_each_question_once(tiny_cross_encoder: str, tmp_path: Path) -> None:
    asked: list[str] = []

    class Counting(BM25JiebaRetriever):
        def retrieve_batch(self, queries: Any) -> Any:
            asked.extend(queries)
            return super().retrieve_batch(queries)

    tune(tmp_path / "out", tiny_cross_encoder, retrievers=Counting(app_nodes(), 20))
    assert sorted(asked) == sorted(question["query"] for question in app_questions())
