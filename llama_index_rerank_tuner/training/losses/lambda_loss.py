"""LambdaLoss: every two passages in the right order, weighted by what their order does to nDCG."""

from __future__ import annotations

import torch
from torch import Tensor

from llama_index_rerank_tuner.training.losses.ranknet import RankNetLoss

MU = 10.0
"""Weight of NDCG-Loss2 beside LambdaRank's weight, as sentence-transformers sets it."""


class LambdaLoss(RankNetLoss):
    """NDCG-Loss2++, a bound of nDCG that is tighter than LambdaRank's.

    Labels are grades: a passage of grade ``g`` gains ``2**g - 1``.

    Source: Wang et al., "The LambdaLoss Framework for Ranking Metric Optimization", CIKM 2018, section 5.3.
    """

    def weights(self, scores: Tensor, labels: Tensor) -> Tensor:
        """Weight of each couple at the ranks that the scores give now, shape ``(n, n)``."""
        rank = scores.argsort(descending=True, stable=True).argsort() + 1
        gain = normalised_gain(labels)
        distance = (rank[:, None] - rank[None, :]).abs()
        ndcg_loss_2 = (1 / _discount(distance.clamp(min=1)) - 1 / _discount(distance + 1)).abs()
        lambda_rank = (1 / _discount(rank)[:, None] - 1 / _discount(rank)[None, :]).abs()
        return (MU * ndcg_loss_2 + lambda_rank) * (gain[:, None] - gain[None, :]).abs()


def normalised_gain(labels: Tensor) -> Tensor:
    """Each passage's gain over the DCG of the best order, shape of ``labels``; a label under 0 gains nothing.

    Example:
        >>> normalised_gain(torch.tensor([0.0, 1.0]))
        tensor([0., 1.])
    """
    grades = labels.clamp(min=0.0)
    best = grades.max()
    # Both powers over 2**best: the ratio is the same, and a grade of 200 does not overflow.
    gain = 2 ** (grades - best) - 2**-best
    ideal = gain.sort(descending=True).values / _discount(torch.arange(1, len(gain) + 1, device=gain.device))
    return gain / ideal.sum().clamp(min=1e-10)


def _discount(rank: Tensor) -> Tensor:
    return torch.log2(1.0 + rank.float())
