"""Which of sentence-transformers' column layouts a dataset has, told from its columns' order, names and first row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, get_args

from llama_index_rerank_tuner.errors import ConfigError, DataError

Layout = Literal["labeled-pair", "labeled-list", "triplet", "n-tuple"]
LABEL_NAMES = ("label", "labels", "score", "scores")
QUERY_NAMES = ("query", "question", "anchor")
ORDER = "Column order is the meaning: query first, then the positive or the passages; see Dataset.select_columns."


class Columns(NamedTuple):
    """How a dataset's columns are read."""

    layout: Layout
    query: str
    passages: tuple[str, ...]
    label: str | None


def require_layout(layout: str) -> None:
    """Check the name of a layout.

    Raises:
        ConfigError: It is none of the four.
    """
    if layout not in get_args(Layout):
        raise ConfigError(f"layout must be one of {', '.join(get_args(Layout))}, got {layout!r}.")


def columns_of(row: Mapping[str, Any], layout: Layout | None) -> Columns:
    """How the columns are read.

    Args:
        row: The first row, its columns in order.
        layout: What the caller says it is; None to detect it.

    Raises:
        DataError: The layout is ambiguous, or the columns do not fit it.
    """
    labels = [name for name in row if name in LABEL_NAMES]
    texts = [name for name in row if name not in LABEL_NAMES]
    if len(labels) > 1:
        raise DataError("dataset", f"the columns {labels} all name a label", "Keep one: dataset.remove_columns([...]).")
    if len(texts) < 2:
        raise DataError("dataset", f"its columns are {list(row)}", "Expected a query, a passage and a label. " + ORDER)
    label = labels[0] if labels else None
    _check_order(texts)
    detected = layout or _detect(row, texts, label)
    _check_fits(detected, texts, label)
    return Columns(detected, texts[0], tuple(texts[1:]), label)


def _check_order(texts: Sequence[str]) -> None:
    """Refuse names that contradict their places, where training would silently learn the reverse."""
    late = next((name for name in texts[1:] if name in QUERY_NAMES), None)
    if late is not None and texts[0] not in QUERY_NAMES:
        raise DataError("dataset", f'the column "{late}" does not stand first in {list(texts)}', ORDER)
    if "positive" in texts and texts[1] != "positive":
        raise DataError("dataset", f'the column "positive" does not stand second in {list(texts)}', ORDER)
    if any(name.startswith("negative") for name in texts[2:]):
        odd = next((name for name in texts[2:] if not name.startswith("negative")), None)
        if odd is not None:
            fix = f'Remove it: dataset.remove_columns(["{odd}"]), or name it "negative_..." if it is one.'
            raise DataError("dataset", f'the column "{odd}" stands among the negatives {list(texts[2:])}', fix)


def _detect(row: Mapping[str, Any], texts: Sequence[str], label: str | None) -> Layout:
    listed = [name for name in texts if isinstance(row[name], list)]
    if label is not None and len(texts) == 2:
        return "labeled-list" if listed == [texts[1]] else "labeled-pair"
    odd = next((name for name in texts if not isinstance(row[name], str | None)), None)
    if odd is not None:
        raise DataError(
            "dataset",
            f'the layout is ambiguous: the column "{odd}" holds a {type(row[odd]).__name__}, not a text',
            f'Rename it to "label" if it is one, or remove it. Its columns are {list(row)}.',
        )
    if len(texts) == 2:
        raise DataError(
            "dataset",
            f"the layout is ambiguous: the columns {list(texts)} and no label",
            'Add a column "label", or pass layout="n-tuple" if every passage is relevant.',
        )
    return "triplet" if len(texts) == 3 else "n-tuple"


def _check_fits(layout: Layout, texts: Sequence[str], label: str | None) -> None:
    labeled = layout.startswith("labeled")
    if labeled and label is None:
        raise DataError("dataset", f"{layout} needs a label, and its columns are {list(texts)}", 'Name one "label".')
    if (labeled and len(texts) != 2) or (layout == "triplet" and len(texts) != 3):
        raise DataError("dataset", f"{len(texts)} text columns {list(texts)} are no {layout}", ORDER)
