"""``optimise``: what it records, what it refuses, and that one failure stops nothing else."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from llama_index_rerank_tuner.cli.app import app
from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.deployment import export as exporting
from llama_index_rerank_tuner.deployment import optimise, variants_table
from llama_index_rerank_tuner.deployment.questions import ParityQuestions
from llama_index_rerank_tuner.errors import ConfigError, DataError, RerankTunerError
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.reranking.backends.choosing import load_scorer
from llama_index_rerank_tuner.reranking.backends.variants import Variants
from llama_index_rerank_tuner.reranking.fingerprint import model_fingerprint
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever
from llama_index_rerank_tuner.text import TextContract
from tests.conftest import WORDS

OPTIMISING = "llama_index_rerank_tuner.deployment.optimising"


def questions_it_answers(checkpoint: str, count: int, seed: int = 0, among: int = 1) -> RerankDataset:
    """Questions with one relevant candidate, drawn from those that the checkpoint ranks first: of one, nDCG@10 is 1."""
    random = np.random.default_rng(seed)
    scorer = load_scorer(checkpoint, "torch", "fp32", device="cpu", max_length=128)
    queries = [" ".join(random.choice(WORDS, 4)) for _ in range(count)]
    lists = [[" ".join(random.choice(WORDS, 6)) for _ in range(6)] for _ in range(count)]
    logits = scorer([(query, text) for query, texts in zip(queries, lists, strict=True) for text in texts])
    examples = []
    for number, (query, texts) in enumerate(zip(queries, lists, strict=True)):
        passages = tuple(Passage(text, node_id=f"{number}-{place}") for place, text in enumerate(texts))
        ranked = np.argsort(-logits[number * 6 : number * 6 + 6])
        positive = replace(passages[int(random.choice(ranked[:among]))], label=1.0)
        examples.append(
            RerankExample(f"q{number}", query, (positive,), (), candidates=passages, group=f"g{number // 4}")
        )
    return RerankDataset.build(examples)


def perturb(checkpoint: Path, scale: float, seed: int) -> None:
    """Add noise to every weight matrix."""
    from safetensors.torch import load_file, save_file

    generator = torch.Generator().manual_seed(seed)
    weights = load_file(checkpoint / "model.safetensors")
    for name, value in weights.items():
        if value.ndim == 2:
            weights[name] = value + scale * torch.randn(value.shape, generator=generator)
    save_file(weights, checkpoint / "model.safetensors", metadata={"format": "pt"})


def ndcg_of(variants: Variants, name: str) -> float:
    found = variants.find(*name.split())
    assert found is not None
    return float(found.evidence["ndcg_at_10"])


def perturbed_until_it_drops(checkpoint: str, seed: int, tmp_path: Path) -> Path:
    """A copy with noise in its weights that costs 0.02 of nDCG@10, on 2,000 questions of their own."""
    many = ParityQuestions.build(questions_it_answers(checkpoint, 2_000, seed, among=3), TextContract(), 30)

    def quality(folder: str | Path) -> float:
        scorer = load_scorer(folder, "torch", "fp32", device="cpu", max_length=128)
        return float(np.mean(list(many.ndcg(many.scores(scorer, "")).values())))

    before, scale = quality(checkpoint), 0.003
    while True:
        other = Path(shutil.copytree(checkpoint, tmp_path / f"perturbed {scale}"))
        perturb(other, scale, seed)
        if before - quality(other) >= 0.02:
            return other
        scale *= 1.4


def broken_and_exact(checkpoint: str, seed: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[bool, bool]:
    """Whether a network of perturbed weights passes on questions not seen before, and whether the exact one does."""
    other = perturbed_until_it_drops(checkpoint, seed, tmp_path)
    questions = questions_it_answers(checkpoint, 320, seed + 100, among=3)
    exact = optimise(checkpoint, questions, variants=["onnx fp32"])
    monkeypatch.setattr(f"{OPTIMISING}.export_onnx", lambda folder: moved(other, Path(folder)))
    broken = optimise(checkpoint, questions, variants=["onnx fp32"])
    monkeypatch.undo()
    return broken.variants[1].passed, exact.variants[1].passed


def moved(made_from: Path, folder: Path) -> Path:
    """The network of another checkpoint, in the place of this one's."""
    return exporting.export_onnx(made_from).replace(folder / "onnx" / "model.onnx")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_a_broken_variant_is_refused_and_an_exact_one_passes_ten_times_of_ten(
    tiny_cross_encoder: str, seed: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert broken_and_exact(tiny_cross_encoder, seed, monkeypatch, tmp_path) == (False, True)


def test_what_was_measured_is_recorded_and_auto_takes_what_passed(
    tiny_cross_encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    speeds = {"torch fp32": 40.0, "onnx fp32": 80.0}
    monkeypatch.setattr(f"{OPTIMISING}.median_speed", lambda scorer, lists: speeds[scorer.backend.name])
    TextContract(metadata_mode="none", max_length=64).save(tiny_cross_encoder)
    questions = questions_it_answers(tiny_cross_encoder, 300)
    measured = optimise(tiny_cross_encoder, questions, variants=["onnx fp32", "onnx fp32"])
    assert [each.name for each in measured.variants] == ["torch fp32", "onnx fp32"]
    assert measured.fingerprint == model_fingerprint(tiny_cross_encoder)
    assert Variants.load(tiny_cross_encoder) == measured
    exact = measured.variants[1]
    assert (exact.passed, exact.file) == (True, "onnx/model.onnx")
    assert exact.evidence["loss"] == exact.evidence["loss_upper_bound"] == 0.0
    assert exact.evidence["questions"] == 300
    assert exact.evidence["pairs"] == 1800
    assert exact.evidence["largest_logit_difference"] < 1e-5
    assert ndcg_of(measured, "torch fp32") == 1.0
    assert "onnx fp32" in variants_table(measured)
    assert load_scorer(tiny_cross_encoder, device="cpu").backend.name == "onnx fp32"


def test_few_questions_keep_fp32_unless_told(tiny_cross_encoder: str) -> None:
    questions = questions_it_answers(tiny_cross_encoder, 40)
    kept = optimise(tiny_cross_encoder, questions, variants=["onnx fp32"])
    assert not kept.variants[1].passed
    assert "only 40 of the 300 questions needed" in kept.variants[1].reason
    assert load_scorer(tiny_cross_encoder, device="cpu").backend.name == "torch fp32"
    assert optimise(tiny_cross_encoder, questions, variants=["onnx fp32"], allow_small=True).variants[1].passed


def test_a_failure_is_recorded_and_the_others_go_on(tiny_cross_encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(folder: Path) -> Path:
        raise RerankTunerError("no such operator")

    monkeypatch.setattr(f"{OPTIMISING}.export_openvino", failing)
    questions = questions_it_answers(tiny_cross_encoder, 20)
    measured = optimise(tiny_cross_encoder, questions, variants=["openvino bf16", "onnx fp32"], allow_small=True)
    assert [(each.passed, each.file) for each in measured.variants[1:]] == [(False, None), (True, "onnx/model.onnx")]
    assert measured.variants[1].reason == "failed: no such operator"
    assert "openvino bf16" in variants_table(measured)


def test_nan_scores_are_refused(tiny_cross_encoder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from llama_index_rerank_tuner.reranking.backends.onnx_backend import OnnxBackend

    questions = questions_it_answers(tiny_cross_encoder, 20)
    real = optimise(tiny_cross_encoder, questions, variants=["onnx fp32"], allow_small=True)
    assert real.variants[1].passed
    monkeypatch.setattr(f"{OPTIMISING}.export_onnx", lambda folder: Path(folder) / "onnx" / "model.onnx")
    monkeypatch.setattr(OnnxBackend, "logits", lambda self, features: np.full(len(features["input_ids"]), np.nan))
    measured = optimise(tiny_cross_encoder, questions, variants=["onnx fp32"], allow_small=True)
    assert not measured.variants[1].passed
    assert "NaN" in measured.variants[1].reason
    json.loads((Path(tiny_cross_encoder) / "variants.json").read_text(encoding="utf-8"))


def test_questions_that_no_ranking_can_change_do_not_count(tiny_cross_encoder: str) -> None:
    questions = questions_it_answers(tiny_cross_encoder, 24)
    cut = [
        replace(each, candidates=tuple(p for p in each.candidates or () if p.key != each.positives[0].key))
        for each in questions.examples[:4]
    ]
    measured = optimise(
        tiny_cross_encoder,
        questions.with_examples([*cut, *questions.examples[4:]]),
        variants=["onnx fp32"],
        allow_small=True,
    )
    assert measured.variants[1].evidence["questions"] == 20
    assert measured.variants[1].evidence["questions_left_out"] == 4


def test_a_retriever_gives_the_candidates(tiny_cross_encoder: str, learnable: RerankDataset) -> None:
    retriever = BM25JiebaRetriever(learnable.nodes(), 20)
    measured = optimise(tiny_cross_encoder, learnable, retriever, depth=5, variants=[], allow_small=True)
    assert [each.name for each in measured.variants] == ["torch fp32"]
    assert measured.variants[0].evidence["pairs"] <= 5 * len(learnable)


def test_what_cannot_work_is_an_error(tiny_cross_encoder: str) -> None:
    questions = questions_it_answers(tiny_cross_encoder, 5)
    with pytest.raises(ConfigError, match="no variant 'onnx int4'"):
        optimise(tiny_cross_encoder, questions, variants=["onnx int4"])
    with pytest.raises(ConfigError, match="at least 2"):
        optimise(tiny_cross_encoder, questions, depth=1)
    alone = questions.with_examples(replace(each, candidates=()) for each in questions.examples)
    with pytest.raises(DataError, match="no question has both"):
        optimise(tiny_cross_encoder, alone)


def test_the_command_prints_the_table_and_what_auto_takes(tiny_cross_encoder: str, tmp_path: Path) -> None:
    data = tmp_path / "validation.jsonl"
    rows = [{"query": f"what {word}", "pos": [f"{word} rule"], "neg": ["cat dog", "month"]} for word in WORDS[:6]]
    data.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    done = CliRunner().invoke(
        app, ["export", tiny_cross_encoder, "--validation", str(data), "--backend", "onnx"], catch_exceptions=False
    )
    assert done.exit_code == 0
    assert "torch fp32" in done.stdout
    assert "onnx int8" in done.stdout
    assert "only 6 of the 300 questions needed" in done.stdout
    assert 'backend="auto" takes torch fp32' in done.stdout
    wrong = CliRunner().invoke(app, ["export", tiny_cross_encoder, "--validation", str(data), "--backend", "tpu"])
    assert "--backend is one of torch, onnx, openvino" in str(wrong.exception)
