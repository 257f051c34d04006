"""Fixtures of the whole suite: tiny models built here, small literal data, the real data where it lies."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from llama_index_rerank_tuner.dataset import RerankDataset

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

WORDS = """
    apply deadline fee form grant permit office pay refund rule tax wage city firm staff month year claim who what
    when how much where may must the a of for to in is it by and or not with from new old small large cat dog
""".split()  # noqa: SIM905


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny BERT encoder (no head) and a tiny BERT cross-encoder, over a word list of its own."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {word: index for index, word in enumerate([*special, *WORDS])}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    raw.normalizer = normalizers.Lowercase()
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, model_max_length=128, **names)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        num_labels=1,
    )
    torch.manual_seed(0)
    built = {"encoder": BertModel(config), "cross-encoder": BertForSequenceClassification(config)}
    folder = tmp_path_factory.mktemp("tiny")
    for name, model in built.items():
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    return {name: folder / name for name in built}


@pytest.fixture
def tiny_encoder(tiny_models: dict[str, Path]) -> str:
    return str(tiny_models["encoder"])


@pytest.fixture
def tiny_cross_encoder(tiny_models: dict[str, Path], tmp_path: Path) -> str:
    """A copy, so that a test may change it."""
    return str(shutil.copytree(tiny_models["cross-encoder"], tmp_path / "tiny-cross-encoder"))


def _learnable_records() -> list[dict[str, object]]:
    """Questions of 12 groups that rules answer, and cats, dogs and months do not: learnable by a tiny model."""
    records: list[dict[str, object]] = []
    topics = ["deadline", "fee", "form", "grant", "permit", "refund"]
    for group in range(12):
        for topic in topics:
            wrong = list(zip([each for each in topics if each != topic], ("cat", "dog", "month"), strict=False))
            records.append(
                {
                    "query_id": f"g{group}-{topic}",
                    "query": f"what {topic} the city {WORDS[group]}",
                    "pos": [f"{topic} rule of {WORDS[group]}"],
                    "neg": [f"{other} {word} of {WORDS[group]}" for other, word in wrong],
                    "pos_ids": [f"{group}-{topic}"],
                    "neg_ids": [f"{group}-{other}-{word}" for other, word in wrong],
                    "group": f"g{group}",
                }
            )
    return records


@pytest.fixture(scope="session")
def learnable() -> RerankDataset:
    return RerankDataset.from_records(_learnable_records())


@pytest.fixture(scope="session", autouse=True)
def batch_size_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Remember no batch size of a test in the user's own cache."""
    os.environ["RERANK_TUNER_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def minilm() -> str:
    """Path of the real all-MiniLM-L6-v2 weights."""
    from llama_index_rerank_tuner.models import offline_minilm

    return offline_minilm()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data sets; a test that needs them is skipped where they are absent, unless they are required."""
    if not SHARED_DATA.is_dir():
        if os.environ.get("REQUIRE_SHARED_DATA") == "1":
            pytest.fail(f"REQUIRE_SHARED_DATA=1, and {SHARED_DATA} is not there")
        pytest.skip("the real data sets are not on this machine")
    return SHARED_DATA
