"""The model that training starts from: a reranker, or an encoder that gets a new head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llama_index_rerank_tuner.models import load_failed, resolve_model
from llama_index_rerank_tuner.reranking.backends import load_cross_encoder

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

_HEADS = ("ForSequenceClassification", "ForCausalLM")


def has_reranking_head(model_id: str) -> bool:
    """Whether a model's weights include a scoring head; an encoder's do not.

    Raises:
        CheckpointNotFoundError: There is no such model.
    """
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(resolve_model(model_id))
    except (OSError, ValueError) as error:
        raise load_failed(model_id, error) from error
    return any(name.endswith(_HEADS) for name in config.architectures or ())


def load_for_training(model_id: str, new_head: bool, loss: str, max_length: int, device: str | None) -> CrossEncoder:
    """Load the model with the activation that its loss trains through.

    A listwise loss knows only differences of logits, so its model shows them as they are; binary cross-entropy trains
    probabilities, so its model shows a sigmoid.
    """
    from torch import nn

    model = load_cross_encoder(model_id, device=device, max_length=max_length, new_head=new_head)
    model.activation_fn = nn.Sigmoid() if loss == "bce" else nn.Identity()
    return model
