"""Tokenized pairs against what ``CrossEncoder.preprocess`` makes, and what is counted as cut."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import CrossEncoder

from llama_index_rerank_tuner.errors import CheckpointNotFoundError, ConfigError, DataError
from llama_index_rerank_tuner.reranking.backends import PairTokenizer
from tests.conftest import WORDS
from tests.reranking.backends.exported import PAIRS
from tests.training.tiny_architectures import build

TEXTS = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=90).map(" ".join))


@pytest.fixture(scope="module")
def tokenizers(tiny_models: dict[str, Path]) -> tuple[PairTokenizer, CrossEncoder]:
    path = str(tiny_models["cross-encoder"])
    return PairTokenizer.of_checkpoint(path), CrossEncoder(path, device="cpu")


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None)
def test_the_checkpoints_tokenizer_gives_what_the_model_is_given(
    tokenizers: tuple[PairTokenizer, CrossEncoder], pairs: list[tuple[str, str]]
) -> None:
    alone, model = tokenizers
    expected = model.preprocess(pairs)
    tokenized = alone(pairs)
    assert {*tokenized.features, "modality"} == set(expected)
    for name, value in tokenized.features.items():
        assert value.tolist() == expected[name].tolist()
    of_model = PairTokenizer.of_model(model)(pairs)
    assert (of_model.truncated, of_model.lengths.tolist()) == (tokenized.truncated, tokenized.lengths.tolist())


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5), st.integers(8, 60))
@settings(max_examples=60, deadline=None)
def test_exactly_the_pairs_that_do_not_fit_count_as_cut(
    tokenizers: tuple[PairTokenizer, CrossEncoder], pairs: list[tuple[str, str]], limit: int
) -> None:
    _, model = tokenizers
    path = model.model.config._name_or_path
    whole = model.tokenizer(pairs, truncation=False, padding=False, verbose=False)["input_ids"]
    cut = PairTokenizer.of_checkpoint(path, limit)(pairs)
    assert cut.truncated == sum(len(ids) > limit for ids in whole)
    assert cut.lengths.tolist() == [min(limit, len(ids)) for ids in whole]


def test_a_chat_templates_cut_pairs_are_counted(tmp_path: Path) -> None:
    model = CrossEncoder(build("yes-no chat", tmp_path / "model"), device="cpu")
    tokenized = PairTokenizer.of_model(model)([("what fee", "city"), ("what fee", "city " * 100)])
    assert tokenized.truncated == 1
    assert tokenized.lengths[1] == model.max_seq_length == 64


def test_half_a_character_is_read_as_a_question_mark(tiny_cross_encoder: str) -> None:
    tokenizer = PairTokenizer.of_checkpoint(tiny_cross_encoder)
    broken, mended = tokenizer([("fee \ud800", "cat")]), tokenizer([("fee ?", "cat")])
    assert broken.features["input_ids"].tolist() == mended.features["input_ids"].tolist()


def test_a_pair_without_any_token_is_named(tmp_path: Path) -> None:
    tokenizer = PairTokenizer.of_model(CrossEncoder(build("yes-no", tmp_path / "model"), device="cpu"))
    with pytest.raises(DataError, match="Leave out pairs whose query and passage are empty"):
        tokenizer([("", ""), ("what", "fee")])


def test_many_threads_get_the_same(tiny_cross_encoder: str) -> None:
    tokenizer = PairTokenizer.of_checkpoint(tiny_cross_encoder, 20)
    lists = [PAIRS[: 1 + number % len(PAIRS)] for number in range(64)]
    expected = [tokenizer(pairs).features["input_ids"].tolist() for pairs in lists]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda pairs: tokenizer(pairs).features["input_ids"].tolist(), lists)) == expected


@pytest.mark.parametrize("architecture", ["yes-no", "yes-no chat"])
def test_a_causal_reranker_needs_torch(architecture: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"its network is a Qwen3ForCausalLM.*Use backend='torch'"):
        PairTokenizer.of_checkpoint(build(architecture, tmp_path / "model"))


def test_an_encoder_without_a_head_is_refused(tiny_encoder: str) -> None:
    with pytest.raises(ConfigError, match="its network is a BertModel"):
        PairTokenizer.of_checkpoint(tiny_encoder)


def test_settings_that_change_the_tokens_need_torch(tiny_cross_encoder: str) -> None:
    CrossEncoder(tiny_cross_encoder, device="cpu").save_pretrained(tiny_cross_encoder)
    file = Path(tiny_cross_encoder) / "sentence_bert_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "do_lower_case": True}))
    with pytest.raises(ConfigError, match=r"sentence_bert_config\.json sets do_lower_case"):
        PairTokenizer.of_checkpoint(tiny_cross_encoder)


def test_bad_lengths_and_missing_models_are_refused(tiny_cross_encoder: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="positive number of tokens, got -1"):
        PairTokenizer.of_checkpoint(tiny_cross_encoder, -1)
    with pytest.raises(CheckpointNotFoundError, match="no-such-model"):
        PairTokenizer.of_checkpoint(tmp_path / "no-such-model")
