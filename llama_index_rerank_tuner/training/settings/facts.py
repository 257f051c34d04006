"""What a training run's settings are chosen from: plain numbers about the data, the model and the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.training.settings.pair_lengths import sampled_lengths

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

    from llama_index_rerank_tuner.training.losses.lists import TrainingRows
    from llama_index_rerank_tuner.training.model.hardware import TrainingHardware


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """What the choices are made from: plain numbers about the data, the model and the device.

    Args:
        questions: Labelled training questions.
        parameters: Weights of the model.
        longest_pair: Longest pair in tokens that the model reads and the text contract allows.
        data_loss: Loss that fits the shape of the data.
        data_loss_reason: Why it does.
        lengths: Lengths of (a sample of) the pairs in tokens; needed where ``max_length`` is ``"auto"``.
        new_head: Whether the model's head was random when it was loaded.
        warm_start: Whether a warm start without labels goes before.
        device: ``cpu``, ``cuda`` or ``mps``.
        bf16: Whether the device computes in bfloat16.
        fp16: Whether the device is a GPU that is fast in float16.
        largest_batch: Pairs of ``max_length`` that a probe found to fit in memory; None when nothing was probed.
        processes: Devices that train together, each with its own batch.
    """

    questions: int
    parameters: int
    longest_pair: int
    data_loss: str
    data_loss_reason: str
    lengths: tuple[int, ...] = ()
    new_head: bool = False
    warm_start: bool = False
    device: str = "cpu"
    bf16: bool = False
    fp16: bool = False
    largest_batch: int | None = None
    processes: int = 1


def training_facts(
    model: CrossEncoder,
    hardware: TrainingHardware,
    labelled: TrainingRows,
    *,
    questions: int,
    loss_reason: str,
    contract_length: int,
    new_head: bool,
    warm_start: bool,
    processes: int = 1,
    seed: int = 0,
) -> TrainingFacts:
    """Measure a loaded model, its device and its training rows. Memory is not probed.

    Args:
        model: The cross-encoder, on its device.
        hardware: What that device computes in.
        labelled: The training rows.
        questions: Labelled training questions.
        loss_reason: Why the rows are for the loss they are for.
        contract_length: Longest pair of the text contract, in tokens.
        new_head: Whether the model's head was random when it was loaded.
        warm_start: Whether a warm start goes before.
        processes: Devices that train together.
        seed: Draws the pairs whose lengths are measured.

    Raises:
        DataError: The rows hold no pair.
    """

    def count_tokens(queries: list[str], passages: list[str]) -> list[int]:
        encoded = model.tokenizer(queries, passages, truncation=False, verbose=False)
        return [len(ids) for ids in encoded["input_ids"]]

    return TrainingFacts(
        questions=questions,
        parameters=sum(weights.numel() for weights in model.parameters()),
        longest_pair=min(model.max_seq_length or contract_length, contract_length),
        data_loss=labelled.loss,
        data_loss_reason=loss_reason,
        lengths=sampled_lengths(labelled.rows, count_tokens, seed=seed),
        new_head=new_head,
        warm_start=warm_start,
        device=hardware.device,
        bf16=hardware.bf16,
        fp16=_needs_fp16(hardware),
        processes=processes,
    )


def _needs_fp16(hardware: TrainingHardware) -> bool:
    """Whether it is a GPU from before bfloat16. A model that fails in bfloat16 on a newer one fails in float16 too."""
    import torch

    return hardware.device == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False)
