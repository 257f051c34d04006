"""What each guard lets through: known positives are hidden, and counted among the negatives that are left.

    python benchmarks/false_negatives.py [--data DIR] [--hidden 300] [--seeds 3] [--dense]

DIR is a BEIR folder (else the environment's RERANK_TUNER_DATA). From questions with two positives or more, random ones
lose their label, one always stays. BM25's top 30 (with --dense also all-MiniLM-L6-v2's) are the candidates of those
questions; what is left of them after the guards would be taught as irrelevant. The unlabelled rest counts as true
negatives, though some of it will be relevant too. Each row is one setting alone; the last ones are the defaults.
"""

from __future__ import annotations

import argparse
import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.mining.candidates import candidate_lists
from llama_index_rerank_tuner.mining.guards import (
    Guard,
    Margin,
    MarginGuard,
    NearDuplicatesGuard,
    NearQueriesGuard,
    OtherPositivesGuard,
    RelationsGuard,
    default_guards,
)
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever

DEPTH = 30
NO_MARGIN = Margin(1.0)


@dataclass
class Tally:
    """Candidates shown and left, hidden positives and others."""

    hidden: int = 0
    hidden_left: int = 0
    others: int = 0
    others_left: int = 0
    same_document: int = 0
    same_document_left: int = 0

    def add(self, is_hidden: bool, in_document: bool, left: bool) -> None:
        self.hidden += is_hidden
        self.hidden_left += is_hidden and left
        self.others += not is_hidden
        self.others_left += not is_hidden and left
        self.same_document += not is_hidden and in_document
        self.same_document_left += not is_hidden and in_document and left

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__))


def margins(share: float, absolute: float = 0.0, unfound_top: int = 0) -> Callable[[], list[Guard]]:
    margin = Margin(share, absolute)
    return lambda: [MarginGuard({"bm25": margin}, unfound_top=unfound_top)]


def settings(dense: bool) -> Iterator[tuple[str, Callable[[], list[Guard]]]]:
    yield "top 30 alone", list
    yield "other positives", lambda: [OtherPositivesGuard()]
    yield "near queries, strict rule", lambda: [NearQueriesGuard(near=1)]
    yield "near queries", lambda: [NearQueriesGuard()]
    for near in (0.5, 0.6, 0.8):
        yield f"near duplicates, {near}", lambda near=near: [NearDuplicatesGuard(near)]  # type: ignore[misc]
    yield "relations", lambda: [RelationsGuard()]
    for share in (1.0, 0.95, 0.9, 0.85, 0.8):
        yield f"BM25 margin {share:g}", margins(share)
    for absolute in (1.0, 2.0, 4.0):
        yield f"BM25 margin of {absolute:g} points", margins(1.0, absolute)
    for share in (0.95, 0.9, 0.85):
        for top in (1, 3, 5):
            yield f"BM25 margin {share:g}, top {top} where no positive was found", margins(share, unfound_top=top)
    for share in (0.98, 0.95, 0.9) if dense else ():
        only = {"bm25": None, "dense": Margin(share)}
        yield (
            f"cosine margin {share:g}",
            lambda only=only: [MarginGuard(only, unfound_top=0)],  # type: ignore[misc]
        )
    yield "same document (off by default)", lambda: [RelationsGuard(same_document=True)]
    yield "**default guards**", default_guards


def hide(dataset: RerankDataset, count: int, seed: int) -> tuple[list[RerankExample], dict[str, set[str]]]:
    """The questions that lost a label, and the keys of the positives that each lost."""
    left = {example.query_id: len(example.positives) for example in dataset}
    labels = [(example.query_id, positive.key) for example in dataset for positive in example.positives]
    random.Random(seed).shuffle(labels)
    hidden: dict[str, set[str]] = {}
    for query_id, key in labels:
        if left[query_id] > 1 and count:
            left[query_id], count = left[query_id] - 1, count - 1
            hidden.setdefault(query_id, set()).add(key)
    return [without(example, hidden.get(example.query_id, set())) for example in dataset], hidden


def without(example: RerankExample, hidden: set[str]) -> RerankExample:
    return replace(example, positives=tuple(each for each in example.positives if each.key not in hidden))


def survivors(guards: Sequence[Guard], example: RerankExample, candidates: Sequence[Passage]) -> set[str]:
    left = list(candidates)
    for guard in guards:
        outcomes = guard.decide(example, left)
        left = [each for each, decision in zip(left, outcomes, strict=True) if decision.outcome != "drop"]
    return {each.key for each in left}


def measure(
    guards: Sequence[Guard],
    dataset: RerankDataset,
    nodes: Sequence[Any],
    hidden: dict[str, set[str]],
    found: dict[str, list[Passage]],
) -> Tally:
    tally = Tally()
    for guard in guards:
        guard.prepare(dataset, nodes)
    for example in dataset:
        if example.query_id not in hidden:
            continue
        known = {passage.key: passage for passage in found[example.query_id]}
        shown = replace(example, positives=tuple(known.get(each.key, each) for each in example.positives))
        documents = {each.group for each in example.positives}
        judged = {each.key for each in (*example.positives, *example.negatives)}
        candidates = [passage for key, passage in known.items() if key not in judged]
        left = survivors(guards, shown, candidates)
        for passage in candidates:
            tally.add(passage.key in hidden[example.query_id], passage.group in documents, passage.key in left)
    return tally


def retrievers(nodes: Sequence[Any], dense: bool) -> dict[str, Any]:
    sources: dict[str, Any] = {"bm25": BM25JiebaRetriever(nodes, similarity_top_k=DEPTH)}
    if dense:
        from llama_index_rerank_tuner.retrieval.dense import DenseRetriever, sentence_encoder

        sources["dense"] = DenseRetriever(nodes, sentence_encoder("all-MiniLM-L6-v2"), similarity_top_k=DEPTH)
    return sources


def heading(total: Tally, draws: int) -> str:
    return (
        f"A draw's top {DEPTH}: {total.hidden / draws:.0f} hidden positives, {total.others / draws:.0f} others, "
        f"of which {total.same_document / draws:.0f} are from a positive's document.\n\n"
        "| setting | hidden positives let through (over the draws) | others kept | "
        "others of a positive's document kept |\n|---|---|---|---|"
    )


def row(name: str, tallies: Sequence[Tally]) -> str:
    total = sum(tallies, Tally())
    shares = [100 * each.hidden_left / max(1, each.hidden) for each in tallies]
    through = 100 * total.hidden_left / max(1, total.hidden)
    kept = 100 * total.others_left / max(1, total.others)
    near = 100 * total.same_document_left / max(1, total.same_document)
    return f"| {name} | {through:.0f} % ({min(shares):.0f} to {max(shares):.0f}) | {kept:.1f} % | {near:.0f} % |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default=os.environ.get("RERANK_TUNER_DATA"), help="a BEIR folder")
    parser.add_argument("--hidden", type=int, default=300, help="positives that lose their label")
    parser.add_argument("--seeds", type=int, default=3, help="draws of the hidden positives")
    parser.add_argument("--dense", action="store_true", help="mine with embeddings too")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("give --data or set RERANK_TUNER_DATA")
    dataset = RerankDataset.from_beir(arguments.data)
    nodes = dataset.nodes()
    sources = retrievers(nodes, arguments.dense)
    lists = candidate_lists([example.query for example in dataset], sources, dataset.contract)
    # A candidate knows its document by the corpus, whatever the retriever's nodes say.
    groups = {passage.key: passage.group for passage in dataset.corpus}
    found = {
        example.query_id: [replace(each, group=groups[each.key]) for each in candidates]
        for example, candidates in zip(dataset, lists, strict=True)
    }
    draws = [hide(dataset, arguments.hidden, seed) for seed in range(arguments.seeds)]
    counts = [sum(map(len, hidden.values())) for _, hidden in draws]
    print(f"{len(dataset)} questions, {len(dataset.corpus)} passages; {counts[0]} positives of ", end="")
    print(f"{len(draws[0][1])} questions hidden, {arguments.seeds} draws\n")
    for number, (name, guards) in enumerate(settings(arguments.dense)):
        tallies = [measure(guards(), dataset.with_examples(rest), nodes, hidden, found) for rest, hidden in draws]
        if number == 0:
            print(heading(sum(tallies, Tally()), len(draws)))
        print(row(name, tallies), flush=True)


if __name__ == "__main__":
    main()
