"""The model that training starts from: a reranker, or an encoder that gets a new head."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.models import load_failed, resolve_model
from llama_index_rerank_tuner.reranking.backends import load_cross_encoder
from llama_index_rerank_tuner.reranking.backends.saved_scoring import SavedScoring
from llama_index_rerank_tuner.training.losses import activation_for

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

_HEAD, _CAUSAL = "ForSequenceClassification", "ForCausalLM"


def has_reranking_head(model_id: str) -> bool:
    """Whether a model's weights include a scoring head; an encoder's do not.

    A causal model scores by its answer, yes or no, and needs no head.

    Raises:
        CheckpointNotFoundError: There is no such model.
    """
    return SavedScoring.read(model_id).has_head


def needs_new_head(model_id: str, replace_head: bool = False) -> bool:
    """Whether training starts from a head that has learnt nothing yet.

    Args:
        model_id: Hub id or path.
        replace_head: Put a new head with one output in the place of one with several.

    Raises:
        CheckpointNotFoundError: There is no such model.
        ConfigError: The model's head has several outputs, and ``replace_head`` is False.
    """
    if not has_reranking_head(model_id):
        return True
    outputs = _outputs(model_id)
    if outputs != 1 and not replace_head:
        raise ConfigError(
            f"{model_id} has {outputs} outputs, as a classifier does; a reranker needs one. Pass replace_head=True to "
            "give it a new head with one output, or choose a model with num_labels=1, such as 'BAAI/bge-reranker-base'."
        )
    return outputs != 1


def load_for_training(model_id: str, new_head: bool, loss: str, max_length: int, device: str | None) -> CrossEncoder:
    """Load the model with the activation that its loss trains through.

    A listwise loss knows only differences of logits, so its model shows them as they are; binary cross-entropy trains
    probabilities, so its model shows a sigmoid.

    Args:
        model_id: Hub id or path.
        new_head: Give it a new head with one output (``needs_new_head``); one that is there is replaced.
        loss: The loss's name.
        max_length: Longest pair in tokens; at most what the model has positions for.
        device: ``cpu``, ``cuda``, ``mps``; None takes a GPU where there is one.

    Raises:
        CheckpointNotFoundError: There is no such model.
        ConfigError: The model has several outputs and keeps them, or it is a causal model without the words ``yes``
            and ``no``.
    """
    replaced = new_head and has_reranking_head(model_id)
    if not new_head:
        needs_new_head(model_id)
    _check_answers(model_id)
    # The old head's last layer has another shape: it is drawn anew instead of refused.
    settings = {"model_kwargs": {"ignore_mismatched_sizes": True}} if replaced else {}
    model = load_cross_encoder(model_id, device=device, max_length=max_length, new_head=new_head, kwargs=settings)
    model.activation_fn = activation_for(loss)
    return model


def _config(model_id: str) -> Any:
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(resolve_model(model_id))
    except (OSError, ValueError) as error:
        raise load_failed(model_id, error) from error


def _outputs(model_id: str) -> int:
    """Outputs of a classification head; 1 for any other way of scoring."""
    config = _config(model_id)
    classifies = any(name.endswith(_HEAD) for name in config.architectures or ())
    return int(config.num_labels) if classifies else 1


def _is_saved_cross_encoder(model_id: str) -> bool:
    """Whether sentence-transformers saved it as a cross-encoder, whose scoring module may stand beside the network."""
    from sentence_transformers.util import load_file_path

    found = load_file_path(resolve_model(model_id), "config_sentence_transformers.json")
    if found is None:
        return False
    return bool(json.loads(Path(found).read_text(encoding="utf-8")).get("model_type") == "CrossEncoder")


def _check_answers(model_id: str) -> None:
    """Refuse a causal model whose tokenizer has no token for ``yes`` or ``no``: it would give every pair one score."""
    from transformers import AutoTokenizer

    causal = any(name.endswith(_CAUSAL) for name in _config(model_id).architectures or ())
    if not causal or _is_saved_cross_encoder(model_id):
        return
    tokenizer = AutoTokenizer.from_pretrained(resolve_model(model_id))
    missing = [word for word in ("yes", "no") if word not in tokenizer.get_vocab()]
    if missing:
        raise ConfigError(
            f"{model_id} is a causal model and its tokenizer has no token for {' and '.join(missing)}, with which it "
            "would answer. Choose a reranker such as 'Qwen/Qwen3-Reranker-0.6B', or a cross-encoder."
        )
