"""``load_qasper``: questions on research papers as a data set over LlamaIndex nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.dataset.nodes import passage_of
from llama_index_rerank_tuner.dataset.qasper.nodes import METADATA_KEYS, paper_nodes
from llama_index_rerank_tuner.dataset.qasper.questions import paper_examples
from llama_index_rerank_tuner.dataset.qasper.report import QasperReport
from llama_index_rerank_tuner.dataset.qasper.schema import Paper
from llama_index_rerank_tuner.dataset.qasper.sources import HUB, read_papers, split_name
from llama_index_rerank_tuner.dataset.rerank_dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.records import RerankExample
from llama_index_rerank_tuner.text import TextContract

if TYPE_CHECKING:
    from llama_index.core.schema import TextNode


@dataclass(frozen=True, slots=True)
class QasperPapers:
    """Papers, loaded.

    Args:
        nodes: The abstracts and paragraphs, paper by paper, to build an index from.
        dataset: The questions with text evidence, over those nodes; the paper is the group.
        report: What was kept and what was left out.
    """

    nodes: list[TextNode]
    dataset: RerankDataset
    report: QasperReport


def load_qasper(
    split: str = "train",
    source: str | Path | None = None,
    limit: int | None = None,
    metadata_in_text: Sequence[str] = ("section",),
) -> QasperPapers:
    """Load QASPER: every abstract and paragraph is a node, and a question's positives are its text evidence.

    The evidence of all annotators is merged; a question's metadata say how many there were and how many chose each
    node. Questions that the paper does not answer, and evidence that is a figure or a table, are left out and counted.

    A node has the metadata ``paper``, ``title`` and ``section``. What retrievers and rerankers read (LlamaIndex's
    EMBED text) shows only the section by default: the title is the same all over a paper, so that it cannot tell the
    paper's paragraphs apart. An LLM sees title and section.

    Args:
        split: ``train``, ``validation`` or ``test``. A file is taken as the split that it is asked for.
        source: ``hub`` or None for ``allenai/qasper``; a file (the released JSON, or a JSON list or JSONL in the Hub's
            schema); a folder of the released files; or ``fictional`` for the three papers that come with the package.
        limit: The first so many papers; None for all.
        metadata_in_text: Metadata keys that stand in the EMBED text.

    Raises:
        ConfigError: There is no such split or key, or ``limit`` is not positive.
        DataError: A file or paper cannot be used, or no question has text evidence.

    Example:
        >>> papers = load_qasper(source="fictional", limit=1)
        >>> papers.dataset[0].query
        'What are the kites made of?'
    """
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise ConfigError(f"limit must be a positive number of papers, got {limit!r}.")
    unknown = [key for key in metadata_in_text if key not in METADATA_KEYS]
    if isinstance(metadata_in_text, str) or unknown:
        raise ConfigError(f"metadata_in_text lists keys out of {', '.join(METADATA_KEYS)}; got {metadata_in_text!r}.")
    source, contract, report = source or HUB, TextContract(), QasperReport()
    nodes: list[TextNode] = []
    examples: list[RerankExample] = []
    for paper in _each_once(islice(read_papers(split_name(split), source), limit)):
        of_paper = paper_nodes(paper, metadata_in_text, report)
        examples += paper_examples(paper, of_paper, contract, report)
        nodes += of_paper
        report.papers += 1
    if not examples:
        raise DataError(
            str(source), f"no question of its {report.papers} papers has text evidence", "Give other papers."
        )
    passages = (passage_of(node, contract) for node in nodes)
    return QasperPapers(nodes, RerankDataset.build(examples, passages, contract), report)


def _each_once(papers: Iterable[Paper]) -> Iterator[Paper]:
    seen: set[str] = set()
    for paper in papers:
        if paper.paper_id in seen:
            raise DataError(paper.where, f"the paper id {paper.paper_id!r} stands twice", "Remove one of the papers.")
        seen.add(paper.paper_id)
        yield paper
