"""How long a pair a network has positions for."""

from __future__ import annotations

from typing import Any

_ROBERTA = ("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod", "camembert", "data2vec-text")
_AFTER_PADDING = frozenset(
    (*_ROBERTA, "esm", "ibert", "layoutlmv3", "lilt", "longformer", "luke", "markuplm", "mpnet"),
)
"""Networks that count positions from after the padding token's index, as the first RoBERTa did."""


def usable_positions(config: Any) -> int | None:
    """Longest input, in tokens, that a network has positions for; None where it has no limit.

    RoBERTa's family counts positions from after the padding token's index, so two of its 514 are never used.

    Args:
        config: The network's transformers config.

    Example:
        >>> from types import SimpleNamespace
        >>> usable_positions(SimpleNamespace(model_type="bert", max_position_embeddings=512, pad_token_id=0))
        512
        >>> usable_positions(SimpleNamespace(model_type="xlm-roberta", max_position_embeddings=514, pad_token_id=1))
        512
    """
    positions = getattr(config, "max_position_embeddings", None)
    if positions is None or positions < 1:
        return None
    if getattr(config, "model_type", None) not in _AFTER_PADDING:
        return int(positions)
    # MPNet's padding index is 1 whatever its config says.
    padding = 1 if config.model_type == "mpnet" else config.pad_token_id
    return int(positions) - (0 if padding is None else padding + 1)
