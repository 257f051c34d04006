"""Small JSON files that hold one record, such as those of a checkpoint."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from llama_index_rerank_tuner.errors import DataError

RecordT = TypeVar("RecordT")


def write_json(path: Path, content: Any) -> None:
    """Write indented JSON, whole or not at all; a dataclass is written as its fields."""
    plain = asdict(content) if is_dataclass(content) and not isinstance(content, type) else content
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(json.dumps(plain, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(unfinished, path)


def read_json(path: Path) -> Any:
    """Read JSON; None where there is no such file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def read_record(record: type[RecordT], path: Path, what: str, fix: str) -> RecordT | None:
    """Read a dataclass back; None where there is no such file. Fields it does not know are passed over.

    Args:
        record: The dataclass.
        path: The file.
        what: What the file should hold, for the error.
        fix: What to do when it does not.

    Raises:
        DataError: The file is there but does not hold the record.
    """
    if not path.is_file():
        return None
    try:
        settings = read_json(path)
        known = {each.name for each in fields(record)}  # type: ignore[arg-type]
        return record(**{name: value for name, value in settings.items() if name in known})
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(str(path), f"not {what} ({error})", fix) from error
