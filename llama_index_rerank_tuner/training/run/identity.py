"""What a run's result depends on, so that a resumed run is the same run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.journal import content_hash
from llama_index_rerank_tuner.records import RerankExample

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

NOT_IN_THE_RESULT = ("report_to", "save_steps")


def run_identity(
    *,
    model: str,
    weights: str,
    settings: Mapping[str, Any],
    training: Sequence[Mapping[str, Any]],
    validation: Sequence[RerankExample],
    imitation: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Everything a run's weights depend on, as JSON values; the data as hashes.

    Args:
        model: The name of the model it starts from.
        weights: That model's ``weights_hash``.
        settings: All settings, those of the text included; ``report_to`` and ``save_steps`` change no weight and are
            left out.
        training: The rows of the labels.
        validation: The questions that choose the best checkpoint.
        imitation: The rows of the warm start.
    """
    kept = {name: value for name, value in settings.items() if name not in NOT_IN_THE_RESULT}
    identity = {
        "model": model,
        "weights": weights,
        "training data": content_hash(list(training)),
        "validation data": content_hash([_ranked(example) for example in validation]),
        "warm-start lists": content_hash(list(imitation)),
        "settings": kept,
    }
    plain: dict[str, Any] = json.loads(json.dumps(identity))
    return plain


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What two identities differ in, in words; empty for the same run.

    Example:
        >>> before = {"weights": "a", "settings": {"epochs": 2, "seed": 0}}
        >>> differences(before, {"weights": "b", "settings": {"epochs": 3, "seed": 0}})
        ['other weights', 'epochs 2 then, 3 now']
    """
    found = [f"other {name}" for name in {**then, **now} if name != "settings" and then.get(name) != now.get(name)]
    old, new = then.get("settings", {}), now.get("settings", {})
    found += [
        f"{name} {old.get(name)!r} then, {new.get(name)!r} now"
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    ]
    return found


def weights_hash(model: CrossEncoder) -> str:
    """SHA-256 over the names and the bytes of all weights."""
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _ranked(example: RerankExample) -> list[Any]:
    given = (*example.negatives, *example.positives)
    passages = example.candidates if example.candidates is not None else given
    return [example.query_id, example.query, example.qrels, [[each.key, each.text] for each in passages]]
