"""Tiny random rerankers of each architecture, with word-list tokenizers made here: no hub, no download."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DebertaConfig,
    DebertaForSequenceClassification,
    DebertaV2Config,
    DebertaV2ForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    PreTrainedTokenizerFast,
    Qwen3Config,
    Qwen3ForCausalLM,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
)

from tests.conftest import WORDS

POSITIONS = 64
SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
INPUTS = ["input_ids", "attention_mask"]
BERT = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
ROBERTA = {"cls_token": "<s>", "pad_token": "<pad>", "sep_token": "</s>", "unk_token": "<unk>"}
CAUSAL = {"pad_token": "<pad>", "unk_token": "<unk>", "eos_token": "<end>"}
QWEN_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }} {{ message['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}<end>{% endif %}"
)


def build(architecture: str, folder: Path, num_labels: int = 1) -> str:
    """Save a tiny model of an architecture; returns its path."""
    torch.manual_seed(0)
    tokenizer, network = BUILDERS[architecture](num_labels)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def tokenizer_of(special: dict[str, str], words: list[str], pair: str | None, **settings: Any) -> Any:
    vocabulary = {word: index for index, word in enumerate([*special.values(), *words])}
    raw = Tokenizer(models.WordLevel(vocabulary, unk_token=special["unk_token"]))
    raw.normalizer = normalizers.Lowercase()
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    if pair is not None:
        first, last = special["cls_token"], special["sep_token"]
        marks = [(mark, vocabulary[mark]) for mark in (first, last)]
        raw.post_processor = processors.TemplateProcessing(single=f"{first} $A {last}", pair=pair, special_tokens=marks)
    return PreTrainedTokenizerFast(tokenizer_object=raw, model_max_length=POSITIONS, **special, **settings)


def _bert_tokenizer(inputs: list[str]) -> Any:
    return tokenizer_of(BERT, WORDS, "[CLS] $A [SEP] $B:1 [SEP]:1", model_input_names=inputs)


def _bert(num_labels: int) -> tuple[Any, Any]:
    tokenizer = _bert_tokenizer([*INPUTS, "token_type_ids"])
    config = BertConfig(vocab_size=len(tokenizer), max_position_embeddings=POSITIONS, num_labels=num_labels, **SHAPE)
    return tokenizer, BertForSequenceClassification(config)


def _xlm_roberta(num_labels: int) -> tuple[Any, Any]:
    tokenizer = tokenizer_of(ROBERTA, WORDS, "<s> $A </s> </s> $B </s>", model_input_names=INPUTS)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        max_position_embeddings=POSITIONS + 2,
        type_vocab_size=1,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
        num_labels=num_labels,
        **SHAPE,
    )
    return tokenizer, XLMRobertaForSequenceClassification(config)


def _modernbert(num_labels: int) -> tuple[Any, Any]:
    tokenizer = _bert_tokenizer(INPUTS)
    marks = {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3, "bos_token_id": 2, "eos_token_id": 3}
    config = ModernBertConfig(
        vocab_size=len(tokenizer), max_position_embeddings=POSITIONS, num_labels=num_labels, **marks, **SHAPE
    )
    return tokenizer, ModernBertForSequenceClassification(config)


def _deberta_settings(tokenizer: Any, num_labels: int) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": 0,
        "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
        "num_labels": num_labels,
        **SHAPE,
    }


def _deberta(num_labels: int) -> tuple[Any, Any]:
    tokenizer = _bert_tokenizer(INPUTS)
    return tokenizer, DebertaForSequenceClassification(DebertaConfig(**_deberta_settings(tokenizer, num_labels)))


def _deberta_v2(num_labels: int) -> tuple[Any, Any]:
    tokenizer = _bert_tokenizer(INPUTS)
    settings = _deberta_settings(tokenizer, num_labels)
    settings |= {"position_buckets": 16, "share_att_key": True, "norm_rel_ebd": "layer_norm"}
    return tokenizer, DebertaV2ForSequenceClassification(DebertaV2Config(**settings))


def qwen3(words: list[str], template: str | None) -> tuple[Any, Any]:
    tokenizer = tokenizer_of(CAUSAL, words, None, model_input_names=INPUTS)
    tokenizer.chat_template = template
    marks = {"pad_token_id": 0, "eos_token_id": 2, "bos_token_id": None}
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=POSITIONS,
        tie_word_embeddings=True,
        **marks,
        **SHAPE,
    )
    return tokenizer, Qwen3ForCausalLM(config)


def _yes_no(_: int) -> tuple[Any, Any]:
    return qwen3([*WORDS, "yes", "no"], None)


def _yes_no_chat(_: int) -> tuple[Any, Any]:
    return qwen3([*WORDS, "yes", "no", "query", "document"], QWEN_TEMPLATE)


BUILDERS: dict[str, Callable[[int], tuple[Any, Any]]] = {
    "bert": _bert,
    "xlm-roberta": _xlm_roberta,
    "modernbert": _modernbert,
    "deberta": _deberta,
    "deberta-v2": _deberta_v2,
    "yes-no": _yes_no,
    "yes-no chat": _yes_no_chat,
}
ARCHITECTURES = tuple(BUILDERS)
HEADED = ARCHITECTURES[:5]
