"""The bundled Chinese data: the government-affairs guide of a fictional city, written for this project."""

from __future__ import annotations

from pathlib import Path

from llama_index_rerank_tuner.dataset.rerank_dataset import RerankDataset


def load_guide_zh() -> RerankDataset:
    """The Linxi guide (临汐市办事指南): 12 families of confusable passages in Chinese, families as groups.

    74 passages of 70 to 100 Chinese characters and 240 questions as people ask them, 12 of which need two passages
    and the rest one. A family sets two procedures with the same vocabulary and different rules side by side, such as
    研发费用加计扣除 and 高新技术企业认定. The city, its rules and its figures are invented: this is no legal advice.

    Example:
        >>> guide = load_guide_zh()
        >>> len(guide), len(guide.corpus), len({example.group for example in guide})
        (240, 74, 12)
        >>> guide.examples[0].query, guide.examples[0].positives[0].node_id
        ('去年搞研发花的钱能抵多少税？', 'research-tax-2')
    """
    return RerankDataset.from_beir(Path(__file__).parent, group_key="family")
