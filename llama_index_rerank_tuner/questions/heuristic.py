"""``heuristic_queries``: questions without an LLM, from headings and key phrases, to try the road with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.journal import content_hash
from llama_index_rerank_tuner.questions.assembly import AskedQuestion, dataset_of, passages_of
from llama_index_rerank_tuner.questions.headings import heading_of
from llama_index_rerank_tuner.questions.key_phrases import chinese_phrases, english_phrases
from llama_index_rerank_tuner.questions.language import Language, LanguageChoice, language_of
from llama_index_rerank_tuner.questions.report import HEURISTIC_NOTE, GenerationReport
from llama_index_rerank_tuner.text import TextContract

if TYPE_CHECKING:
    from llama_index.core.schema import BaseNode

_ONE_PHRASE: dict[Language, tuple[str, ...]] = {
    "en": ("What are the rules on {0}?", "What should I know about {0}?", "What applies to {0}?"),
    "zh": ("{0}有什么规定?", "关于{0}需要了解什么?", "{0}的主要内容是什么?"),
}
_TWO_PHRASES: dict[Language, tuple[str, ...]] = {
    "en": ("What is said about {0} and {1}?", "How do {0} and {1} go together?", "{0}: what about {1}?"),
    "zh": ("{0}和{1}有什么关系?", "{0}中的{1}是怎么规定的?", "{0}的{1}是什么?"),
}


def heuristic_queries(
    nodes: Sequence[BaseNode],
    *,
    per_node: int = 2,
    contract: TextContract | None = None,
    language: LanguageChoice = "auto",
    seed: int = 0,
) -> tuple[RerankDataset, GenerationReport]:
    r"""Make questions from the nodes' headings and key phrases: enough to try everything, nothing to judge by.

    Key phrases of Chinese text come from jieba's TF-IDF; of other text they are runs of words between stop words,
    weighed by TF-IDF over the nodes. Every question's metadata says ``source: heuristic``, and the report says what
    they are worth.

    Args:
        nodes: The nodes that the app retrieves from.
        per_node: Questions wanted of each node; fewer where it has not as many phrases.
        contract: How a node becomes text; None for the default (EMBED, as LlamaIndex's own rerankers).
        language: Language of the questions; ``auto`` goes by each node's text.
        seed: Choice among the wordings.

    Returns:
        The data set, in the order of the nodes, with the whole corpus, and the report.

    Raises:
        ConfigError: An argument cannot work.
        DataError: There are no nodes, or no question came out.

    Example:
        >>> from llama_index.core.schema import TextNode
        >>> node = TextNode(id_="a", text="Parking permits\n\nA permit costs 40 crowns a year.")
        >>> dataset, report = heuristic_queries([node], per_node=1)
        >>> dataset[0].query, dataset[0].metadata["source"]
        ('What are the rules on Parking permits?', 'heuristic')
    """
    if per_node < 1:
        raise ConfigError(f"per_node must be at least 1, got {per_node}.")
    contract = contract or TextContract()
    passages = passages_of(nodes, contract)
    by_id = {node.node_id: node for node in nodes}
    languages = [language_of(passage.text, language) for passage in passages]
    bodies = [by_id[passage.key].get_content() for passage in passages]
    phrases: list[list[str]] = [[] for _ in passages]
    for spoken, phrases_of in (("en", english_phrases), ("zh", chinese_phrases)):
        places = [place for place, each in enumerate(languages) if each == spoken]
        found = phrases_of([bodies[place] for place in places], 2 * per_node)
        for place, of_node in zip(places, found, strict=True):
            phrases[place] = of_node
    report = GenerationReport("heuristic", nodes=len(passages), note=HEURISTIC_NOTE)
    asked: list[AskedQuestion] = []
    for passage, spoken_in, of_node in zip(passages, languages, phrases, strict=True):
        heading = heading_of(by_id[passage.key])
        questions = _questions(heading, of_node, spoken_in, per_node, f"{seed}:{passage.key}")
        asked += [AskedQuestion(question, passage, spoken_in) for question in questions]
        if not questions:
            report.nothing_to_ask.append(passage.key)
    return dataset_of(asked, passages, contract, {"source": "heuristic"}, report), report


def _questions(heading: str | None, phrases: Sequence[str], language: Language, count: int, salt: str) -> list[str]:
    """The heading's question first, then one for each phrase or two."""
    others = [phrase for phrase in phrases if heading is None or phrase.casefold() not in heading.casefold()]
    topics: list[tuple[str, ...]] = [] if heading is None else [(heading,)]
    while others and len(topics) < count:
        if heading is not None:
            topics.append((heading, others.pop(0)))
        else:
            topics.append(tuple(others[:2]))
            others = others[2:]
    return [_worded(topic, language, f"{salt}:{place}") for place, topic in enumerate(topics[:count])]


def _worded(topic: tuple[str, ...], language: Language, salt: str) -> str:
    wordings = (_ONE_PHRASE if len(topic) == 1 else _TWO_PHRASES)[language]
    return wordings[int(content_hash(salt), 16) % len(wordings)].format(*topic)
