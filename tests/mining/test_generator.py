"""What a mined negative may be, and what it never is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.records import Passage, RerankExample
from llama_index_rerank_tuner.retrieval import BM25JiebaRetriever
from tests.mining.stand_ins import unguarded

NODES = [TextNode(id_=f"n{i:02}", text=f"text {i}") for i in range(20)]
TEXTS = {node.node_id: node.text for node in NODES} | {"twin": "text 0", "stranger": "from a test document"}


class Ranked(BaseRetriever):
    """Returns the same ids for every question, with scores 10, 9, 8 and on."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__()
        self.ids = ids

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [
            NodeWithScore(node=TextNode(id_=id_, text=TEXTS[id_]), score=10.0 - place)
            for place, id_ in enumerate(self.ids)
        ]


def _dataset(questions: Mapping[str, Sequence[int]], negatives: Sequence[int] = ()) -> RerankDataset:
    def passages(numbers: Sequence[int], label: float) -> tuple[Passage, ...]:
        return tuple(Passage(NODES[i].text, node_id=NODES[i].node_id, label=label) for i in numbers)

    return RerankDataset.build(
        RerankExample(id_, f"question {id_}", passages(numbers, 1.0), passages(negatives, 0.0))
        for id_, numbers in questions.items()
    )


def _ids(dataset: RerankDataset, index: int = 0) -> list[str]:
    return [passage.key for passage in dataset[index].negatives]


FIRST_TEN = Ranked([node.node_id for node in NODES[:10]])


@given(
    positives=st.sets(st.integers(0, 19), min_size=1, max_size=19),
    found=st.lists(st.sampled_from(sorted(TEXTS)), unique=True),
    wanted=st.integers(0, 8),
    top_k=st.integers(1, 30),
    seed=st.integers(0, 9),
)
def test_a_positive_or_an_outsider_is_never_among_the_negatives(
    positives: set[int], found: list[str], wanted: int, top_k: int, seed: int
) -> None:
    generator = unguarded(
        NODES, Ranked(found), negatives_per_query=wanted, random_negatives=min(1, wanted), top_k=top_k, seed=seed
    )
    negatives = _ids(generator.generate(_dataset({"q": sorted(positives)})))
    assert not set(negatives) & {NODES[i].node_id for i in positives}
    assert set(negatives) <= {node.node_id for node in NODES}
    assert len(negatives) == len(set(negatives)) <= wanted


def test_a_candidate_outside_the_given_nodes_is_refused_and_counted() -> None:
    generator = unguarded(NODES[:6], FIRST_TEN, random_negatives=0)
    assert set(_ids(generator.generate(_dataset({"q": [0]})))) == {f"n{i:02}" for i in range(1, 6)}
    assert generator.report.refused == {"judged for this question": 1, "not a training node": 4}


def test_a_passage_with_a_positives_own_text_is_refused_and_counted() -> None:
    twin = TextNode(id_="twin", text="text 0")
    generator = unguarded([*NODES[:3], twin], Ranked(["twin", "n01"]), negatives_per_query=4)
    assert set(_ids(generator.generate(_dataset({"q": [0]})))) == {"n01", "n02"}
    assert generator.report.refused == {"same text as a positive": 1}


def test_a_positive_of_one_question_may_be_a_negative_of_another() -> None:
    both = Ranked(["n00", "n01"])
    generator = unguarded(NODES[:2], both, negatives_per_query=1, random_negatives=0)
    mined = generator.generate(_dataset({"q": [0], "r": [1]}))
    assert (_ids(mined, 0), _ids(mined, 1)) == (["n01"], ["n00"])


def test_every_negative_says_which_source_found_it_at_which_rank_and_score() -> None:
    sources = {"bm25": Ranked(["n00", "n03", "n05"]), "dense": Ranked(["n05"])}
    generator = unguarded(NODES[:7], sources, negatives_per_query=4, random_negatives=2)
    negatives = generator.generate(_dataset({"q": [0]}))[0].negatives
    trail = {passage.key: dict(passage.retrieved) for passage in negatives}
    assert trail["n03"] == {"bm25": (2, 9.0)}
    assert trail["n05"] == {"bm25": (3, 8.0), "dense": (1, 10.0)}
    assert [each for key, each in trail.items() if key not in ("n03", "n05")] == [
        {"random": (1, 0.0)}, {"random": (2, 0.0)}
    ]  # fmt: skip


def test_hard_negatives_come_from_the_window_and_random_ones_from_outside_it() -> None:
    generator = unguarded(NODES, FIRST_TEN, negatives_per_query=6, random_negatives=3, top_k=4)
    negatives = generator.generate(_dataset({"q": [0]}))[0].negatives
    hard = {passage.key for passage in negatives if "random" not in passage.retrieved}
    drawn = {passage.key for passage in negatives if "random" in passage.retrieved}
    assert (len(hard), len(drawn)) == (3, 3)
    assert hard <= {"n01", "n02", "n03", "n04"}
    assert not drawn & {"n00", "n01", "n02", "n03", "n04"}


def test_hard_negatives_are_spread_over_the_window_rather_than_its_top() -> None:
    questions = {f"q{i}": [19] for i in range(200)}
    generator = unguarded(NODES, FIRST_TEN, negatives_per_query=1, random_negatives=0)
    mined = generator.generate(_dataset(questions))
    seen = Counter(_ids(mined, i)[0] for i in range(200))
    assert len(seen) == 10
    assert max(seen.values()) < 50


def test_random_negatives_fill_up_where_retrieval_finds_too_few() -> None:
    generator = unguarded(NODES, Ranked(["n07"]), negatives_per_query=5)
    mined = generator.generate(_dataset({"q": [0]}))
    assert len(_ids(mined)) == 5
    assert generator.report.negatives == {"retriever": 1, "random": 4}
    assert generator.report.short == 0


def test_unused_candidates_fill_up_where_no_other_node_is_left_to_draw() -> None:
    nodes, found = NODES[:6], Ranked(["n01", "n02", "n03", "n04", "n05"])
    mined = unguarded(nodes, found, negatives_per_query=5).generate(_dataset({"q": [0]}))
    assert set(_ids(mined)) == {"n01", "n02", "n03", "n04", "n05"}


def test_judged_negatives_stay_come_first_and_count_in() -> None:
    negatives = _ids(unguarded(NODES, FIRST_TEN).generate(_dataset({"q": [0]}, negatives=[9, 8])))
    assert negatives[:2] == ["n09", "n08"]
    assert len(negatives) == len(set(negatives)) == 5
    one = unguarded(NODES, FIRST_TEN, negatives_per_query=1)
    assert _ids(one.generate(_dataset({"q": [0]}, negatives=[9, 8, 7]))) == ["n09", "n08", "n07"]


def test_the_same_seed_gives_the_same_data_set_and_another_seed_another() -> None:
    dataset = _dataset({f"q{i}": [i] for i in range(8)})
    same, again, other = (unguarded(NODES, FIRST_TEN, seed=seed).generate(dataset) for seed in (3, 3, 4))
    assert same == again
    assert same != other


def test_the_order_of_the_nodes_and_of_the_questions_makes_no_difference() -> None:
    dataset = _dataset({f"q{i}": [i] for i in range(8)})
    straight = unguarded(NODES, FIRST_TEN).generate(dataset)
    reverse = dataset.with_examples(dataset.examples[::-1])
    turned = unguarded(NODES[::-1], FIRST_TEN).generate(reverse)
    assert straight.examples == turned.examples[::-1]


def test_the_report_counts_questions_sources_refusals_and_shortage_of_its_last_run_only() -> None:
    generator = unguarded(NODES[:4], Ranked(["n00", "n01"]), negatives_per_query=5)
    generator.generate(_dataset({"q": [0], "r": [1]}))
    generator.generate(_dataset({"q": [0]}))
    assert generator.report.to_dict() == {
        "questions": 1,
        "negatives": {"retriever": 1, "random": 2},
        "refused": {"judged for this question": 1},
        "short": 1,
        "scope": "corpus",
        "guards": {},
        "oddities": {},
        "failed": {},
        "scores": {"retriever": {"positive": _spread(10.0), "negative": _spread(9.0)}},
        "cases": [],
    }
    assert [line.split()[-1] for line in str(generator.report).splitlines()] == ["1", "1", "2", "1", "1"]


def _spread(score: float) -> dict[str, float]:
    names = ("lowest", "lower quartile", "median", "upper quartile", "highest")
    return {"count": 1, **dict.fromkeys(names, score)}


def test_nodes_of_a_training_split_are_the_only_source_of_its_negatives() -> None:
    dataset = RerankDataset.from_records(
        {"query": f"fee {i}", "pos": [f"the fee rule {i}"], "neg": [], "group": f"document {i}"} for i in range(10)
    )
    split = dataset.split(val=2, test=2)
    held_out = {passage.key for side in (split.val, split.test) for e in side for passage in e.positives}
    mined = unguarded(split.train.nodes(), BM25JiebaRetriever(dataset.nodes())).generate(split.train)
    taught = {passage.key for example in mined for passage in example.negatives}
    assert taught
    assert not taught & held_out


def test_a_question_without_a_positive_is_refused_by_name() -> None:
    dataset = RerankDataset.build([RerankExample("q7", "who pays?", negatives=(Passage("x", label=0.0),))])
    with pytest.raises(DataError, match=r"q7.*who pays\?.*has no positive passage.*Give it one"):
        unguarded(NODES, FIRST_TEN).generate(dataset)


@pytest.mark.parametrize(("setting", "value"), [("random_negatives", -1), ("random_negatives", 6), ("top_k", 0)])
def test_counts_that_cannot_work_are_refused(setting: str, value: int) -> None:
    with pytest.raises(ConfigError, match="Expected 0 <= random_negatives <= negatives_per_query"):
        unguarded(NODES, FIRST_TEN, **{setting: value})  # type: ignore[arg-type]


def test_no_nodes_and_no_retriever_are_refused() -> None:
    with pytest.raises(ConfigError, match="no nodes"):
        unguarded([], FIRST_TEN)
    with pytest.raises(ConfigError, match="no retriever"):
        unguarded(NODES, {})
