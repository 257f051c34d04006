"""``generate_queries``: questions by an LLM over nodes that nobody has labelled."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.errors import ConfigError
from llama_index_rerank_tuner.journal import content_hash
from llama_index_rerank_tuner.questions.asking import Prompt, Reply, ask_all, model_settings
from llama_index_rerank_tuner.questions.assembly import AskedQuestion, OnMiss, RoundTrip, dataset_of, passages_of
from llama_index_rerank_tuner.questions.language import LanguageChoice, language_of
from llama_index_rerank_tuner.questions.manners import Manners
from llama_index_rerank_tuner.questions.parsing import parse_questions
from llama_index_rerank_tuner.questions.prompts import PROMPT_VERSION, questions_prompt
from llama_index_rerank_tuner.questions.question_text import speaks_of_passage
from llama_index_rerank_tuner.questions.report import GenerationReport
from llama_index_rerank_tuner.records import Passage
from llama_index_rerank_tuner.text import TextContract

if TYPE_CHECKING:
    from llama_index.core.llms import LLM
    from llama_index.core.retrievers import BaseRetriever
    from llama_index.core.schema import BaseNode

QUESTION_TOKENS = 60
"""About as long as a question is in an answer, for the token cap."""


def generate_queries(
    nodes: Sequence[BaseNode],
    llm: LLM,
    *,
    per_node: int = 2,
    contract: TextContract | None = None,
    language: LanguageChoice = "auto",
    journal: str | Path | None = None,
    max_calls: int | None = None,
    max_tokens: int | None = None,
    concurrency: int | None = None,
    retries: int = 3,
    timeout: float = 60.0,
    pause: float = 1.0,
    round_trip: BaseRetriever | None = None,
    round_trip_top_k: int | None = None,
    on_miss: OnMiss = "flag",
    show_progress: bool = False,
    seed: int = 0,
) -> tuple[RerankDataset, GenerationReport]:
    """Have an LLM ask questions that the nodes answer.

    The LLM sees a node's text as the reranker will see it, and is asked in the language of the text (English or
    Chinese). With a ``journal``, a run that was killed or capped goes on where it stopped when it is started again
    with the same arguments; a node whose text has changed is asked about again. Nodes with the same text are asked
    about once, and a question that came of several nodes has all of them as positives. An answer that cannot be read
    is asked for again, and a node that gives none in the end stands in ``report.failed``.

    Set the LLM's own ``max_retries`` to 0: calls that it repeats by itself are not counted here. In a notebook, give
    this function an LLM object of its own: it is called on the package's event loop, and an asynchronous client that
    has served one loop fails in another.

    Args:
        nodes: The nodes that the app retrieves from.
        llm: Any LlamaIndex LLM.
        per_node: Questions wanted of each node.
        contract: How a node becomes text; None for the default (EMBED, as LlamaIndex's own rerankers).
        language: Language of the prompts; ``auto`` goes by each node's text.
        journal: File that remembers the answers; None to remember nothing.
        max_calls: Most calls of this run, failed ones counted; remembered answers are free.
        max_tokens: Most tokens of this run. No call is started that is expected to go over it.
        concurrency: Calls under way at once; None for 4, or for 1 where the LLM has only a synchronous call (a local
            model, which may bear no two calls at once).
        retries: Further tries, after a failed call and after an unreadable answer.
        timeout: Seconds a call may take.
        pause: Seconds before the first retry of a failed call; doubled each time.
        round_trip: A retriever over the same nodes that must find a question's node; None for no check.
        round_trip_top_k: How many of its results count; None for all.
        on_miss: What to do where it does not: ``drop`` the question, ``flag`` it (``round_trip_rank`` is None in its
            metadata), or ``keep`` it.
        show_progress: Show a progress bar.
        seed: Order in which nodes are asked about, so that a capped run samples the whole corpus.

    Returns:
        The data set, in the order of the nodes, with the whole corpus; each question's metadata says ``source``
        (``llm``), ``model``, ``prompt_version``, ``node_id`` and ``language``. And what happened.

    Raises:
        ConfigError: An argument cannot work.
        DataError: There are no nodes, no question came out, or the journal is damaged or of other settings.
        RerankTunerError: The LLM cannot be asked at all, or another run holds the journal.

    Example:
        >>> from llama_index.core.llms import MockLLM
        >>> from llama_index.core.schema import TextNode
        >>> class Parrot(MockLLM):
        ...     def complete(self, prompt, formatted=False, **kwargs):
        ...         return super().complete('["Who may apply?"]')
        >>> dataset, report = generate_queries([TextNode(id_="a", text="Small firms may apply.")], Parrot())
        >>> dataset[0].query, dataset[0].positives[0].node_id, report.usage.calls
        ('Who may apply?', 'a', 1)
    """
    if per_node < 1:
        raise ConfigError(f"per_node must be at least 1, got {per_node}.")
    contract = contract or TextContract()
    manners = Manners(concurrency, retries, timeout, pause, max_calls, max_tokens)
    trip = None if round_trip is None else RoundTrip(round_trip, on_miss, round_trip_top_k)
    passages = passages_of(nodes, contract)
    model = model_settings(llm)
    report = GenerationReport("llm", model["model"], nodes=len(passages))
    worded = [passage for passage in passages if any(map(str.isalnum, passage.text))]
    settings = {"work": "questions", "prompt_version": PROMPT_VERSION, **model, "per_node": per_node}
    replies, report.usage = ask_all(
        llm,
        [_prompt(passage, per_node, language, settings) for passage in _shuffled(worded, seed)],
        parse_questions,
        manners,
        journal=journal,
        settings=settings,
        answer_tokens=QUESTION_TOKENS * per_node,
        title="asking for questions",
        show_progress=show_progress,
    )
    by_node = dict(zip((passage.key for passage in _shuffled(worded, seed)), replies, strict=True))
    asked = list(_asked(passages, by_node, per_node, language, report))
    provenance = {"source": "llm", "model": model["model"], "prompt_version": PROMPT_VERSION}
    return dataset_of(asked, passages, contract, provenance, report, trip), report


def _shuffled(passages: Sequence[Passage], seed: int) -> list[Passage]:
    return random.Random(seed).sample(passages, len(passages))


def _prompt(passage: Passage, per_node: int, language: LanguageChoice, settings: dict[str, Any]) -> Prompt:
    asked_in = language_of(passage.text, language)
    text, reminder = questions_prompt(passage.text, per_node, asked_in)
    return Prompt(content_hash(settings, asked_in, passage.text), text, reminder)


def _asked(
    passages: Sequence[Passage],
    replies: dict[str, Reply[list[str]]],
    per_node: int,
    language: LanguageChoice,
    report: GenerationReport,
) -> Iterable[AskedQuestion]:
    """The usable questions in the order of the passages; what became of the others goes into the report."""
    for passage in passages:
        reply = replies.get(passage.key)
        if reply is None or reply.value == []:
            report.nothing_to_ask.append(passage.key)
        elif not reply.asked:
            report.unasked.append(passage.key)
        elif reply.value is None:
            report.failed[passage.key] = reply.problem or "no answer"
        else:
            usable = _usable(reply.value, per_node, report)
            if not usable:
                report.failed[passage.key] = "all its questions speak of the passage"
            for question in usable:
                yield AskedQuestion(question, passage, language_of(passage.text, language))


def _usable(questions: Sequence[str], per_node: int, report: GenerationReport) -> list[str]:
    usable = [question for question in questions if not speaks_of_passage(question)]
    for reason, count in (
        ("speaks of the passage", len(questions) - len(usable)),
        ("more than were asked for", max(0, len(usable) - per_node)),
    ):
        if count:
            report.refused[reason] += count
    return usable[:per_node]
