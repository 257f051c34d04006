"""``load_documents``: a folder of files as LlamaIndex nodes, and a list of what could not be read."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.questions.reading import Part, read_parts
from llama_index_rerank_tuner.questions.sentences import sentence_splitter

if TYPE_CHECKING:
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.core.schema import BaseNode, Document

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class LoadReport:
    """What became of every file; ``str()`` lists it.

    Args:
        folder: The folder that was read.
        files: Relative path of each file that was read, to its number of nodes.
        skipped: Relative path of each file or folder that was not, to the reason.
    """

    folder: str
    files: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return sum(self.files.values())

    def __str__(self) -> str:
        """The counts, then each skipped file with its reason."""
        counts = f"{self.folder}: {self.nodes} nodes from {len(self.files)} files, {len(self.skipped)} skipped"
        return "\n".join([counts, *(f"skipped {name}: {reason}" for name, reason in self.skipped.items())])


def load_documents(
    folder: str | Path, *, chunk_size: int = 256, chunk_overlap: int = 0, show_progress: bool = False
) -> tuple[list[BaseNode], LoadReport]:
    """Read a folder's txt, md, html, pdf and docx files, sub-folders included, and split them into nodes.

    Every file is one source document: its nodes name it as ``SOURCE`` by its path within the folder, so a split by
    source never cuts through a file, and ``PREVIOUS`` and ``NEXT`` lead from page to page. Node ids are made of path,
    part and number: reading the same folder again gives the same ids. What cannot be read (an unknown suffix, an
    encrypted or broken file, text that is not UTF-8, hidden files) stands in the report with the reason.

    Args:
        folder: The folder.
        chunk_size: Tokens a node may have. A reranker reads 512 with the question, so keep it under that.
        chunk_overlap: Tokens that neighbours share. Overlap makes near-duplicates, which hard-negative mining then
            takes for negatives: 0 is right here.
        show_progress: Show a progress bar.

    Returns:
        The nodes, by path and place, and the report.

    Raises:
        DataError: The folder does not exist, or nothing in it could be read.
        ConfigError: The chunk sizes cannot work.
        MissingExtraError: A package that reads one of the files is not installed.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "fees.txt").write_text("A permit costs 40 crowns.", encoding="utf-8")
        >>> nodes, report = load_documents(folder)
        >>> nodes[0].node_id, nodes[0].ref_doc_id, report.files
        ('fees.txt#0', 'fees.txt', {'fees.txt': 1})
    """
    if chunk_size < 1 or not 0 <= chunk_overlap < chunk_size:
        raise ConfigError(f"Expected 0 <= chunk_overlap < chunk_size, got {chunk_overlap} and {chunk_size}.")
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise DataError(str(root), "no such folder", "Check the path.")
    report = LoadReport(str(root))
    splitter = sentence_splitter(chunk_size, chunk_overlap)
    nodes: list[BaseNode] = []
    for path in tqdm(list(_files(root, report)), "reading", disable=not show_progress):
        name = path.relative_to(root).as_posix()
        try:
            of_file = _nodes(name, read_parts(path), splitter)
        except DataError as error:
            report.skipped[name] = error.problem
            continue
        report.files[name] = len(of_file)
        nodes += of_file
    if report.skipped:
        logger.warning("%d files of %s were skipped; the report lists them.", len(report.skipped), root)
    if not nodes:
        raise DataError(str(root), f"nothing in it could be read\n{report}\n", "Give txt, md, html, pdf or docx files")
    return nodes, report


def _files(root: Path, report: LoadReport) -> Iterator[Path]:
    """Every file, in the order of the paths; what is hidden, and folders that are not entered, go into the report."""

    def refused(error: OSError) -> None:
        report.skipped[Path(error.filename).relative_to(root).as_posix()] = "the folder may not be entered"

    for place, folders, files in os.walk(root, onerror=refused):
        here = Path(place)
        for name in sorted(folders + files):
            if name.startswith("."):
                report.skipped[(here / name).relative_to(root).as_posix()] = "it is hidden"
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        # Links to folders are not followed: they may lead in a circle.
        for name in filter(lambda folder: (here / folder).is_symlink(), folders):
            report.skipped[(here / name).relative_to(root).as_posix()] = "it is a link to a folder"
        for name in sorted(files):
            if name.startswith("."):
                continue
            if (here / name).is_file():
                yield here / name
            else:
                report.skipped[(here / name).relative_to(root).as_posix()] = "it is no regular file"


def _nodes(name: str, parts: Sequence[Part], splitter: SentenceSplitter) -> list[BaseNode]:
    """A file's nodes, linked to it and to each other."""
    documents = [_document(name, index, part, len(parts)) for index, part in enumerate(parts)]
    try:
        nodes = splitter.get_nodes_from_documents(documents)
    except ValueError as error:
        raise DataError(name, f"it cannot be split ({error})", "Raise chunk_size, or shorten its title.") from error
    nodes = [node for node in nodes if any(map(str.isalnum, node.get_content()))]
    if not nodes:
        raise DataError(name, "it holds no words", "Take it out of the folder.")
    _link(name, nodes)
    return nodes


def _document(name: str, index: int, part: Part, parts: int) -> Document:
    from llama_index.core.schema import Document

    unread = ["file_path", "page_label"]
    return Document(
        id_=name if parts == 1 else f"{name}/{index}",
        text=part.text,
        metadata={"file_path": name, **part.metadata},
        excluded_embed_metadata_keys=unread,
        excluded_llm_metadata_keys=unread,
    )


def _link(name: str, nodes: Sequence[BaseNode]) -> None:
    from llama_index.core.schema import NodeRelationship, RelatedNodeInfo

    for node in nodes:
        node.relationships = {NodeRelationship.SOURCE: RelatedNodeInfo(node_id=name)}
    for before, after in pairwise(nodes):
        before.relationships[NodeRelationship.NEXT] = RelatedNodeInfo(node_id=after.node_id)
        after.relationships[NodeRelationship.PREVIOUS] = RelatedNodeInfo(node_id=before.node_id)
