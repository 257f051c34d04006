"""What reranking takes: time and quality by depth, and each contestant's cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index_rerank_tuner.evaluation.report.charts.quality import depth_chart
from llama_index_rerank_tuner.evaluation.report.content import Paragraph, Plots, Section, Table
from llama_index_rerank_tuner.evaluation.report.figures import NOTHING, estimate, milliseconds
from llama_index_rerank_tuner.evaluation.report.words import Words

Document = Mapping[str, Any]


def depth(document: Document, say: Words) -> Section | None:
    """Quality and time at each depth, and what to set; None where it was not measured."""
    sweep = document["depth"]
    if not sweep or not sweep["rows"]:
        return None
    advice = sweep["recommended"]
    order = list(document["contestants"])
    rows = [
        [
            row["contestant"],
            str(row["depth"]),
            estimate(row["mean"]),
            milliseconds(row["p50"]),
            milliseconds(row["p95"]),
        ]
        for row in sorted(sweep["rows"], key=lambda row: order.index(row["contestant"]))
    ]
    return Section(
        "depth",
        say("Quality and time by depth"),
        [
            Paragraph(
                f"Recommended: similarity_top_k={advice['similarity_top_k']}, top_n={advice['top_n']}: "
                f"{advice['reason']}"
            ),
            Plots("depth", [depth_chart(document)]),
            Table(["contestant", "depth", document["metric"], "p50 (ms)", "p95 (ms)"], rows),
        ],
    )


def costs(document: Document, say: Words) -> Section | None:
    """Each contestant's time, throughput, truncation and memory; None where it was not measured."""
    if not document["costs"]:
        return None
    return Section(
        "cost",
        say("Cost"),
        [
            Paragraph("Time of a question's reranking on the machine that ran the benchmark; its peak of memory."),
            Table(
                ["contestant", "p50 (ms)", "p95 (ms)", "pairs a second", "truncated", "memory (MB)"],
                [[name, *_cost(each)] for name, each in document["costs"].items()],
            ),
        ],
    )


def _cost(each: Mapping[str, Any]) -> list[str]:
    truncated, pairs, memory = each["truncated_share"], each["pairs_per_second"], each["peak_memory_mb"]
    return [
        milliseconds(each["p50"]),
        milliseconds(each["p95"]),
        NOTHING if pairs is None else f"{pairs:,.0f}",
        NOTHING if truncated is None else f"{100 * truncated:.1f} %",
        NOTHING if memory is None else f"{memory:,.0f}",
    ]
