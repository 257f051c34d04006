"""Where QASPER's papers come from: the Hub, the released JSON, a local file in the Hub's schema, the bundled papers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llama_index_rerank_tuner.dataset.files.encoding import read_text
from llama_index_rerank_tuner.dataset.files.lines import read_records
from llama_index_rerank_tuner.dataset.qasper.schema import SHAPE, Paper, parse_paper
from llama_index_rerank_tuner.errors import ConfigError, DataError

HUB = "hub"
FICTIONAL = "fictional"
HUB_NAME, HUB_REVISION = "allenai/qasper", "refs/convert/parquet"
RELEASED = {"train": "qasper-train-v0.3.json", "validation": "qasper-dev-v0.3.json", "test": "qasper-test-v0.3.json"}
ALIASES = {"val": "validation", "dev": "validation"}


def split_name(split: str) -> str:
    """The Hub's name of a split; ``val`` and ``dev`` mean ``validation``.

    Raises:
        ConfigError: QASPER has no such split.
    """
    name = ALIASES.get(split, split)
    if name not in RELEASED:
        raise ConfigError(f"split must be train, validation or test, got {split!r}.")
    return name


def read_papers(split: str, source: str | Path) -> Iterator[Paper]:
    """Yield the papers of a source, in its order.

    Args:
        split: ``train``, ``validation`` or ``test``.
        source: ``hub``, ``fictional``, a file, or a folder that holds the released files.

    Raises:
        ConfigError: The source has no such split.
        DataError: It cannot be reached or read; names the file and the paper.
    """
    if source == HUB:
        return _from_hub(split)
    if source == FICTIONAL:
        if split != "train":
            raise ConfigError(f"The fictional papers have one split, train, and no {split!r}: split the data set.")
        return read_file(Path(__file__).parent / "fictional_papers.json")
    path = Path(source).expanduser()
    return read_file(_checked(path / RELEASED[split] if path.is_dir() else path, split))


def read_file(path: Path) -> Iterator[Paper]:
    """Yield the papers of a file: a JSON object by paper id, or a JSON list or JSONL of papers.

    Raises:
        DataError: It is none of them, or a paper cannot be used.
    """
    text = read_text(path)
    by_id = _whole_object(path, text) if text.lstrip().startswith("{") else None
    if by_id is None:
        yield from (parse_paper(where, record) for where, record in read_records(path, "at least one paper"))
        return
    if "full_text" in by_id and "qas" in by_id:
        yield parse_paper(str(path), by_id)
        return
    for paper_id, record in by_id.items():
        yield parse_paper(f"{path} paper {paper_id!r}", record, paper_id)


def _whole_object(path: Path, text: str) -> dict[str, Any] | None:
    """The papers by their ids, or a lone paper; None where the file is JSONL."""
    first_line = _parsed(text.lstrip().split("\n", 1)[0])
    if isinstance(first_line, dict) and ("full_text" in first_line or "qas" in first_line):
        return None
    whole = _parsed(text)
    if isinstance(whole, dict):
        return whole
    if isinstance(first_line, dict):
        return None
    raise DataError(str(path), f"not valid JSON ({whole})", SHAPE)


def _parsed(text: str) -> Any:
    """The content, or the error as text."""
    try:
        return json.loads(text, object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        return str(error)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return record


def _checked(path: Path, split: str) -> Path:
    """Refuse the released file of one split where another is asked for."""
    others = {file: name for name, file in RELEASED.items() if name != split}
    if path.name in others:
        raise ConfigError(f"{path.name} is the {others[path.name]} split, and {split!r} was asked for.")
    return path


def _from_hub(split: str) -> Iterator[Paper]:
    where = f"{HUB_NAME} {split}"
    try:
        from datasets import load_dataset

        rows = load_dataset(HUB_NAME, revision=HUB_REVISION, split=split)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            where,
            f"the Hub gave no data ({reason})",
            f"Check the network, or download {RELEASED[split]} and pass its path as source.",
        ) from error
    for number, record in enumerate(rows, start=1):
        yield parse_paper(f"{where} record {number}", record)
