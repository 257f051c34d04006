"""How a checkpoint turns pairs into scores, read from its settings alone: no weights are loaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.models import load_failed, resolve_model
from llama_index_rerank_tuner.reranking.backends.positions import usable_positions

Activation: TypeAlias = Callable[[NDArray[np.float64]], NDArray[np.float64]]
_SIGMOID, _IDENTITY = "Sigmoid", "Identity"
_HEADS = ("ForSequenceClassification", "ForCausalLM")


@dataclass(frozen=True, slots=True)
class SavedScoring:
    """What stands between a pair and its shown score, besides the network.

    Args:
        activation: Dotted path of the torch module that turns logits into shown scores.
        prompt: Text that goes before every query; empty for none.
        max_length: Longest pair that the network has positions for; None where it has no limit.
        only_torch: Why a converted network alone could not score as the checkpoint does; None where it can.
        has_head: Whether its weights hold what scores. An encoder's do not, and it gets a random head whenever it is
            loaded; a causal model scores by its answer, yes or no, and needs none.
    """

    activation: str
    prompt: str = ""
    max_length: int | None = None
    only_torch: str | None = None
    has_head: bool = True

    @classmethod
    def read(cls, model: str | Path, trust_remote_code: bool = False) -> SavedScoring:
        """Read it as sentence-transformers does.

        Args:
            model: Checkpoint directory or hub id.
            trust_remote_code: Let code that comes with the model read its configuration.

        Raises:
            CheckpointNotFoundError: There is no such model.
        """
        from transformers import AutoConfig

        path = resolve_model(model)
        try:
            config = AutoConfig.from_pretrained(path, trust_remote_code=trust_remote_code)
        except (OSError, ValueError) as error:
            raise load_failed(str(model), error) from error
        saved, transformer = _settings(path, "config_sentence_transformers.json"), _transformer_settings(path)
        return cls(
            activation=_activation_path(saved, config),
            prompt=(saved.get("prompts") or {}).get(saved.get("default_prompt_name")) or "",
            max_length=usable_positions(config),
            only_torch=_only_torch(config, _settings(path, "modules.json"), transformer),
            has_head=any(name.endswith(_HEADS) for name in config.architectures or ())
            or saved.get("model_type") == "CrossEncoder",
        )


def numpy_activation(dotted_path: str) -> Activation:
    """The activation of a dotted path; sigmoid and identity need no torch.

    Example:
        >>> numpy_activation("torch.nn.modules.activation.Sigmoid")(np.array([0.0, 2.0])).round(3)
        array([0.5  , 0.881])
    """
    name = dotted_path.rpartition(".")[2]
    if name == _IDENTITY:
        return lambda logits: logits
    if name == _SIGMOID:
        return lambda logits: np.exp(-np.logaddexp(0, -logits))
    from sentence_transformers.util import import_from_string

    return torch_activation(import_from_string(dotted_path)())


def torch_activation(module: Any) -> Activation:
    """A torch module as a function of arrays."""
    import torch

    def activate(logits: NDArray[np.float64]) -> NDArray[np.float64]:
        with torch.inference_mode():
            shown: NDArray[np.float64] = module(torch.from_numpy(logits)).numpy()
        return shown

    return activate


def only_plain(model: str | Path) -> SavedScoring:
    """The settings of a checkpoint that a converted network can score for.

    Raises:
        CheckpointNotFoundError: There is no such model.
        ConfigError: Only torch computes its scores.
    """
    saved = SavedScoring.read(model)
    if saved.only_torch is not None:
        raise ConfigError(f"{model} cannot be served from ONNX or OpenVINO: {saved.only_torch}. Use backend='torch'.")
    return saved


def _settings(path: str, name: str) -> Any:
    found: Path | str | None = Path(path) / name
    if not Path(path).is_dir():
        from sentence_transformers.util import load_file_path

        found = load_file_path(path, name)
    elif not (Path(path) / name).is_file():
        found = None
    return {} if found is None else json.loads(Path(found).read_text(encoding="utf-8"))


def _transformer_settings(path: str) -> Mapping[str, Any]:
    settings: Mapping[str, Any] = _settings(path, "sentence_bert_config.json")
    return settings


def _activation_path(saved: Mapping[str, Any], config: Any) -> str:
    within = getattr(config, "sentence_transformers", None) or {}
    before_v4 = getattr(config, "sbert_ce_default_activation_function", None)
    for path in (saved.get("activation_fn"), within.get("activation_fn"), before_v4):
        if path is not None and path.startswith("torch."):
            return str(path)
    return f"torch.nn.{_SIGMOID}"


def _only_torch(config: Any, modules: Any, transformer: Mapping[str, Any]) -> str | None:
    architecture = (config.architectures or [""])[0]
    if not architecture.endswith("ForSequenceClassification"):
        return (
            f"its network is a {architecture or 'model without a scoring head'}, which scores by more than its output"
        )
    if config.num_labels != 1:
        return f"it has {config.num_labels} outputs; a reranker needs one"
    if len(modules) > 1:
        return f"it is made of {len(modules)} modules"
    if "message" in transformer.get("modality_config", {}):
        return "it reads its pairs through a chat template"
    unusual = [name for name in ("do_lower_case", "processing_kwargs") if transformer.get(name)]
    return f"its sentence_bert_config.json sets {' and '.join(unusual)}" if unusual else None
