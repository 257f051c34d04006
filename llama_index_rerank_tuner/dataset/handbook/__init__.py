"""The bundled data: the business-support handbook of a fictional harbour city, written for this project."""

from __future__ import annotations

from pathlib import Path

from llama_index_rerank_tuner.dataset.rerank_dataset import RerankDataset


def load_handbook() -> RerankDataset:
    """The Port Maren handbook: 30 families of confusable passages, families as groups.

    120 passages of 45 to 70 words and 360 questions as business people ask them, each answered by one passage.

    Example:
        >>> handbook = load_handbook()
        >>> len(handbook), len(handbook.corpus), handbook.audit().groups
        (360, 120, 30)
    """
    return RerankDataset.from_beir(Path(__file__).parent, group_key="family")
