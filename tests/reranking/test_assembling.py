"""The layers before a model: cache, queue and windows give the scores of the bare model."""

from __future__ import annotations

import asyncio
import logging
import shutil
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.schema import NodeWithScore, TextNode

from llama_index_rerank_tuner.errors import ConfigError, RerankTunerWarning
from llama_index_rerank_tuner.reranking import FinetunedRerank, RankMix
from llama_index_rerank_tuner.reranking.backends.batched import BatchedScorer
from llama_index_rerank_tuner.reranking.backends.choosing import load_scorer
from llama_index_rerank_tuner.reranking.cache import MemoryCache
from llama_index_rerank_tuner.text import TextContract
from tests.conftest import WORDS

Texts = list[str]


def found(texts: Texts) -> list[NodeWithScore]:
    return [NodeWithScore(node=TextNode(id_=str(i), text=text), score=1.0) for i, text in enumerate(texts)]


def scores(reranker: FinetunedRerank, texts: Texts, query: str = "what fee") -> dict[str, float]:
    return {each.node_id: each.score or 0 for each in reranker.postprocess_nodes(found(texts), query_str=query)}


LISTS: list[Texts] = [[" ".join(WORDS[i : i + j + 1]) for j in range(12)] for i in range(16)]


@pytest.mark.parametrize("settings", [{}, {"queue": True}, {"queue": True, "cache": "memory"}])
def test_threads_and_tasks_get_the_scores_of_one_caller(tiny_cross_encoder: str, settings: dict[str, Any]) -> None:
    alone = FinetunedRerank(tiny_cross_encoder, 20)
    shared = FinetunedRerank(tiny_cross_encoder, 20, **settings)
    expected = [scores(alone, texts) for texts in LISTS]
    with ThreadPoolExecutor(8) as pool:
        by_threads = list(pool.map(lambda texts: scores(shared, texts), LISTS))

    async def tasks() -> list[list[NodeWithScore]]:
        return await asyncio.gather(*(shared.apostprocess_nodes(found(texts), query_str="what fee") for texts in LISTS))

    by_tasks = [{each.node_id: each.score or 0 for each in result} for result in asyncio.run(tasks())]
    shared.close()
    for mine, threads, in_tasks in zip(expected, by_threads, by_tasks, strict=True):
        assert threads == pytest.approx(mine, abs=1e-6)
        assert in_tasks == pytest.approx(mine, abs=1e-6)


def test_a_second_process_finds_the_first_ones_scores(tiny_cross_encoder: str, tmp_path: Path) -> None:
    first = FinetunedRerank(tiny_cross_encoder, 20, cache=tmp_path / "scores.sqlite")
    expected = scores(first, LISTS[0])
    first.close()
    second = FinetunedRerank(tiny_cross_encoder, 20, cache=tmp_path / "scores.sqlite")
    assert scores(second, LISTS[0]) == expected
    assert second._assembled is not None
    assert second._assembled.batched.scored == 0
    second.close()


def test_a_cache_is_shared_only_where_the_scores_are_the_same(tiny_cross_encoder: str, tmp_path: Path) -> None:
    cache = MemoryCache()
    settings: list[dict[str, Any]] = [
        {},
        {"windows": "max"},
        {"contract": TextContract(max_length=32)},
        {"precision": "bf16", "backend": "torch"},
    ]
    sizes = []
    for each in settings:
        scores(FinetunedRerank(tiny_cross_encoder, 20, cache=cache, **each), LISTS[0])
        sizes.append(len(cache))
    assert sizes == [12, 24, 36, 48]
    copy = shutil.copytree(tiny_cross_encoder, tmp_path / "copy")
    RankMix(0.5).save(copy)
    scores(FinetunedRerank(copy, 20, mix=None, cache=cache), LISTS[0])
    assert len(cache) == 48


def test_a_retrained_model_serves_no_stale_score(tiny_cross_encoder: str, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification

    cache = tmp_path / "scores.sqlite"
    before = scores(FinetunedRerank(tiny_cross_encoder, 20, cache=cache), LISTS[0])
    model = AutoModelForSequenceClassification.from_pretrained(tiny_cross_encoder)
    with torch.no_grad():
        model.classifier.bias += 1
    model.save_pretrained(tiny_cross_encoder)
    after = scores(FinetunedRerank(tiny_cross_encoder, 20, cache=cache), LISTS[0])
    assert after == pytest.approx(scores(FinetunedRerank(tiny_cross_encoder, 20), LISTS[0]))
    assert all(after[name] > before[name] for name in before)


def test_a_shared_cache_stays_open_when_one_of_its_rerankers_is_closed(tiny_cross_encoder: str) -> None:
    shared = MemoryCache()
    first, second = (FinetunedRerank(tiny_cross_encoder, 20, cache=shared) for _ in range(2))
    expected = scores(first, LISTS[0])
    first.close()
    assert scores(second, LISTS[0]) == expected
    assert second._assembled is not None
    assert second._assembled.batched.scored == 0


def test_a_checkpoint_that_is_written_to_while_it_loads_is_not_cached(
    tiny_cross_encoder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_and_replace(*arguments: Any, **settings: Any) -> Any:
        loaded = load_scorer(*arguments, **settings)
        weights = Path(tiny_cross_encoder) / "model.safetensors"
        new = weights.with_name("new")
        new.write_bytes(weights.read_bytes()[:-1] + b"!")
        new.replace(weights)
        return loaded

    monkeypatch.setattr("llama_index_rerank_tuner.reranking.assembling.load_scorer", load_and_replace)
    with pytest.raises(ConfigError, match="was written to while it was loaded"):
        FinetunedRerank(tiny_cross_encoder, cache=tmp_path / "scores.sqlite")


def test_long_passages_wait_in_the_queue_window_by_window(tiny_cross_encoder: str) -> None:
    settings: dict[str, Any] = {"windows": "max", "contract": TextContract(max_length=24)}
    alone = FinetunedRerank(tiny_cross_encoder, 20, **settings)
    queued = FinetunedRerank(tiny_cross_encoder, 20, queue=True, **settings)
    texts = [" ".join(WORDS * times) for times in (1, 7, 20)]
    assert scores(queued, texts) == pytest.approx(scores(alone, texts), abs=1e-6)
    assert queued._assembled is not None
    assert isinstance(queued._assembled.queued.scorer, BatchedScorer)
    queued.close()


def test_scores_of_a_random_head_are_not_kept(tiny_encoder: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="it has no reranking head"):
        FinetunedRerank(tiny_encoder, cache=tmp_path / "scores.sqlite", cross_encoder_kwargs={"num_labels": 1})


def test_windows_read_what_would_be_cut(tiny_cross_encoder: str) -> None:
    long = " ".join(WORDS * 6)
    tails = [long + " fee", long + " cat dog"]
    cut = scores(FinetunedRerank(tiny_cross_encoder), tails)
    whole = scores(FinetunedRerank(tiny_cross_encoder, windows="max"), tails)
    assert cut["0"] == cut["1"]
    assert whole["0"] >= cut["0"] - 1e-6
    windowed = FinetunedRerank(tiny_cross_encoder, windows="max")
    assert windowed._assembled is not None
    scores(windowed, tails)
    assert windowed._assembled.batched.truncated == 0
    assert windowed._assembled.windowed is not None
    assert windowed._assembled.windowed.windowed == 2


def test_cut_pairs_are_counted_and_told_once(tiny_cross_encoder: str, caplog: pytest.LogCaptureFixture) -> None:
    reranker = FinetunedRerank(tiny_cross_encoder)
    with caplog.at_level(logging.WARNING):
        scores(reranker, ["fee"])
        assert caplog.messages == []
        scores(reranker, ["fee", " ".join(WORDS * 6), "grant"])
        scores(reranker, [" ".join(WORDS * 7)])
    assert len(caplog.messages) == 1
    assert "read only the beginning of 1 of the first 4 pairs (25 %): they are longer than 128 tokens" in caplog.text


def test_the_backend_and_its_reason_can_be_read(tiny_cross_encoder: str) -> None:
    reranker = FinetunedRerank(tiny_cross_encoder, device="cpu")
    assert reranker.backend_reason.startswith("torch fp32: no faster variant was exported")


def test_a_checkpoint_without_a_contract_is_served_as_upstream_would_and_says_so(
    tiny_cross_encoder: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert FinetunedRerank(tiny_cross_encoder).contract == TextContract()
    assert sum("has no rerank_contract.json" in message for message in caplog.messages) == 1


def test_another_contract_than_the_checkpoints_is_said(
    tiny_cross_encoder: str, caplog: pytest.LogCaptureFixture
) -> None:
    TextContract(max_length=64).save(tiny_cross_encoder)
    with caplog.at_level(logging.WARNING):
        FinetunedRerank(tiny_cross_encoder)
        assert caplog.messages == []
        FinetunedRerank(tiny_cross_encoder, contract=TextContract(max_length=32))
    assert "max_length=64" in caplog.text
    assert "as asked: it may rank worse" in caplog.text


def test_a_template_gives_one_warning(tiny_cross_encoder: str) -> None:
    reranker = FinetunedRerank(tiny_cross_encoder, contract=TextContract(passage_template="old {passage}"))
    with pytest.warns(RerankTunerWarning, match="templates '{query}' and 'old {passage}'") as caught:
        scores(reranker, ["fee"])
    assert [Path(each.filename).name for each in caught] == ["test_assembling.py"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores(reranker, ["fee"])


def test_a_hub_ids_own_settings_are_read_from_its_snapshot(tiny_cross_encoder: str, tmp_path: Path) -> None:
    """A hub cache as the hub's client lays it out, and no network."""
    TextContract(max_length=64).save(tiny_cross_encoder)
    RankMix(0.25).save(tiny_cross_encoder)
    repository = tmp_path / "hub" / "models--owner--name"
    shutil.copytree(tiny_cross_encoder, repository / "snapshots" / ("0" * 40))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    fetch = {"cache_folder": str(tmp_path / "hub"), "local_files_only": True}
    reranker = FinetunedRerank("owner/name", 20, cross_encoder_kwargs=fetch)
    assert (reranker.model, reranker.contract.max_length, reranker.mix) == ("owner/name", 64, RankMix(0.25))
    bare = FinetunedRerank("owner/name", 20, mix=None, cross_encoder_kwargs=fetch)
    assert scores(bare, LISTS[0]) == scores(FinetunedRerank(tiny_cross_encoder, 20, mix=None), LISTS[0])
