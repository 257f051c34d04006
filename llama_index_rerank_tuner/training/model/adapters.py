"""Training few weights: LoRA adapters that are merged before saving, and lower layers that stay as they are."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder
    from torch import nn

_ADAPTERS = "_rerank_tuner_adapters"


@contextmanager
def lora(model: CrossEncoder, rank: int, alpha: float | None = None, dropout: float = 0.0) -> Iterator[None]:
    """Train a model through low-rank adapters; after the block they are merged, and the model is a plain one again.

    Every linear layer of the encoder gets an adapter; the head (and pooler) is trained in full, everything else stays
    as it is. Only torch's plain weights come out: nothing of ``peft`` is needed to load the checkpoint.

    Enter it before what else is done to the model for training (``TrainingHardware.prepared``, ``frozen_layers``), and
    save within it through ``merged``.

    Args:
        model: The cross-encoder, changed in place.
        rank: Rank of the adapters; 0 trains the whole model and does nothing here.
        alpha: Scale of the adapters (their product is multiplied by ``alpha / rank``); None takes twice the rank.
        dropout: Dropout before the adapters.

    Raises:
        MissingExtraError: ``peft`` is not installed.
        ConfigError: The rank is negative, or no layer for an adapter is found.

    Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022; adapters on all linear layers
    after Dettmers et al., "QLoRA", NeurIPS 2023, section 4.
    """
    if rank < 0:
        raise ConfigError(f"lora_rank must be 0 (off) or a positive integer, got {rank}.")
    if rank == 0:
        yield
        return
    network: Any = model.model
    trained_before = {name: each.requires_grad for name, each in network.named_parameters()}
    _add(network, rank, 2 * rank if alpha is None else alpha, dropout)
    try:
        yield
    finally:
        _unload(network)
        for name, each in network.named_parameters():
            each.requires_grad_(trained_before[name])


@contextmanager
def merged(model: CrossEncoder) -> Iterator[None]:
    """Have the adapters merged within the block, to save or to score; training goes on with them after it.

    The block works on a merged copy of the network, so that the weights in training do not move by a bit. A model
    without adapters is left alone.

    Args:
        model: The cross-encoder.
    """
    network: Any = model.model
    if _ADAPTERS not in network.__dict__:
        yield
        return
    _put(model, _plain_copy(network))
    try:
        yield
    finally:
        _put(model, network)


@contextmanager
def frozen(weights: Iterable[nn.Parameter]) -> Iterator[None]:
    """Keep weights as they are, within the block."""
    still = list(weights)
    before = [each.requires_grad for each in still]
    for each in still:
        each.requires_grad_(False)
    try:
        yield
    finally:
        for each, trained in zip(still, before, strict=True):
            each.requires_grad_(trained)


@contextmanager
def frozen_layers(model: CrossEncoder, layers: int) -> Iterator[None]:
    """Keep the embeddings and the first layers of the encoder as they are, within the block.

    Args:
        model: The cross-encoder.
        layers: How many layers; 0 freezes nothing.

    Raises:
        ConfigError: The number is negative, or the model has fewer layers.

    Example:
        >>> from transformers import BertConfig, BertForSequenceClassification
        >>> shape = {"hidden_size": 8, "num_attention_heads": 1, "intermediate_size": 8, "vocab_size": 9}
        >>> len(encoder_layers(BertForSequenceClassification(BertConfig(num_hidden_layers=3, **shape)))[1])
        3
    """
    if layers < 0:
        raise ConfigError(f"frozen_layers must not be negative, got {layers}.")
    if layers == 0:
        yield
        return
    network: Any = model.model
    _, stack = encoder_layers(network)
    if layers > len(stack):
        raise ConfigError(f"frozen_layers is {layers}, and the model has {len(stack)} layers; give at most that.")
    with frozen(each for part in (_embeddings(network), *stack[:layers]) for each in part.parameters()):
        yield


def encoder_layers(network: nn.Module) -> tuple[str, nn.ModuleList]:
    """The stack of transformer layers and its name: the longest list of modules, the outermost of equals.

    Raises:
        ConfigError: The network has no such list.
    """
    from torch import nn

    stacks = [(name, each) for name, each in network.named_modules() if isinstance(each, nn.ModuleList) and len(each)]
    if not stacks:
        raise ConfigError(
            f"{type(network).__name__} has no stack of layers, so LoRA and freezing cannot be used on it."
        )
    return max(stacks, key=lambda found: len(found[1]))


def adapted_layers(network: nn.Module) -> list[str]:
    """Names of the layers that get an adapter: every linear one within the stack."""
    from torch import nn

    place, stack = encoder_layers(network)
    return [f"{place}.{name}" for name, each in stack.named_modules() if isinstance(each, nn.Linear)]


def head_parts(network: Any) -> list[str]:
    """Names of what is trained in full: what stands beside the encoder, and its pooler.

    A causal model's output layer spells words and is no head: it stays as it is.
    """
    inner, words = network.base_model_prefix, network.get_output_embeddings()
    beside = [name for name, each in network.named_children() if name != inner and each is not words]
    within = [f"{inner}.pooler"] if getattr(getattr(network, inner, None), "pooler", None) is not None else []
    return [name for name in (*within, *beside) if any(True for _ in network.get_submodule(name).parameters())]


def _add(network: Any, rank: int, alpha: float, dropout: float) -> None:
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise MissingExtraError("LoRA needs peft.", "lora") from error

    settings = LoraConfig(
        r=rank,
        lora_alpha=alpha,  # type: ignore[arg-type]  # peft scales by a float as well
        lora_dropout=dropout,
        target_modules=adapted_layers(network),
        modules_to_save=head_parts(network) or None,
    )
    # Past nn.Module's own assignment: the network must not become a part of a part of itself.
    network.__dict__[_ADAPTERS] = get_peft_model(network, settings)


def _plain_copy(network: Any) -> Any:
    plain = copy.deepcopy(network)
    _unload(plain)
    return plain


def _unload(network: Any) -> None:
    """Merge a network's adapters into its weights, and leave no trace of them."""
    network.__dict__.pop(_ADAPTERS).merge_and_unload()
    if hasattr(network, "peft_config"):
        del network.peft_config


def _embeddings(network: Any) -> nn.Module:
    inner = getattr(network, network.base_model_prefix, network)
    embeddings: nn.Module = getattr(inner, "embeddings", None) or network.get_input_embeddings()
    return embeddings


def _put(model: CrossEncoder, network: Any) -> None:
    """Make a network the one that the cross-encoder runs."""
    first: Any = model[0]
    first.model = network
