"""``judge_pairs`` and ``LLMJudge``: an LLM says whether passages answer questions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from llama_index_rerank_tuner.errors import ConfigError, DataError
from llama_index_rerank_tuner.journal import content_hash
from llama_index_rerank_tuner.questions.asking import Prompt, Reply, ask_all, model_settings
from llama_index_rerank_tuner.questions.language import LanguageChoice, language_of
from llama_index_rerank_tuner.questions.manners import Manners, Usage
from llama_index_rerank_tuner.questions.prompts import PROMPT_VERSION, Scale, judging_prompt
from llama_index_rerank_tuner.questions.verdicts import read_grade
from llama_index_rerank_tuner.records import RerankExample

if TYPE_CHECKING:
    from llama_index.core.llms import LLM

ANSWER_TOKENS = 16
"""About as long as a judgement is, for the token cap."""

Pair = tuple[str, str]
Verdict = Literal["relevant", "not relevant", "unknown"]

_LOWEST_RELEVANT: dict[Scale, float] = {"yes/no": 1.0, "graded": 2.0}


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the LLM said of one pair.

    Args:
        query: The question.
        passage: The passage's text.
        grade: 0 for not relevant; 1, or up to 3 on the graded scale, for relevant; None for unknown.
        raw: The LLM's answer as it came; None when there was none.
        problem: Why the grade is unknown; None when it is known.
        verdict: ``relevant``, ``not relevant`` or ``unknown``; on the graded scale 2 and 3 are relevant.
        query_id: Id of the question, where an example was judged.
        node_id: Id of the passage, where an example was judged.
    """

    query: str
    passage: str
    grade: float | None
    raw: str | None
    problem: str | None = None
    verdict: Verdict = "unknown"
    query_id: str | None = None
    node_id: str | None = None


@dataclass(slots=True)
class JudgingReport:
    """Counts of one judging run; ``str()`` is a table.

    Args:
        model: Name of the LLM.
        scale: ``yes/no`` or ``graded``.
        relevant: Pairs judged relevant (on the graded scale 2 or 3).
        not_relevant: Pairs judged not relevant.
        unknown: Pairs without a readable judgement.
        unasked: How many of the unknown were never asked, because a cap was reached.
        usage: What asking cost.
    """

    model: str
    scale: Scale
    relevant: int = 0
    not_relevant: int = 0
    unknown: int = 0
    unasked: int = 0
    usage: Usage = field(default_factory=Usage)

    def __str__(self) -> str:
        """A table, one count a line."""
        rows: list[tuple[str, object]] = [
            ("judged by", f"{self.model} ({self.scale})"),
            ("relevant", self.relevant),
            ("not relevant", self.not_relevant),
            ("unknown", self.unknown),
            ("of these not asked yet", self.unasked),
            ("calls", self.usage.calls),
            ("tokens", self.usage.tokens),
            ("answers from the journal", self.usage.remembered),
        ]
        rows += [(f"failed calls: {problem}", count) for problem, count in sorted(self.usage.faults.items())]
        ending = [f"stopped: {self.usage.stopped}"] if self.usage.stopped else []
        return "\n".join([f"{name:<40} {value}" for name, value in rows] + ending)


def judge_pairs(
    pairs: Iterable[Pair | RerankExample],
    llm: LLM,
    scale: Scale = "yes/no",
    *,
    language: LanguageChoice = "auto",
    journal: str | Path | None = None,
    max_calls: int | None = None,
    max_tokens: int | None = None,
    concurrency: int | None = None,
    retries: int = 3,
    timeout: float = 60.0,
    pause: float = 1.0,
    show_progress: bool = False,
) -> tuple[list[Judgement], JudgingReport]:
    """Have an LLM judge whether passages answer questions.

    An answer that cannot be read is asked for again, and in the end is ``unknown``: it stays in the list and in the
    counts. The same pair is asked about once.

    Args:
        pairs: (query text, passage text) pairs; or examples, each of which stands for its query with every positive,
            negative and candidate.
        llm: Any LlamaIndex LLM.
        scale: ``yes/no``, or ``graded`` from 0 (nothing to do with it) to 3 (answers clearly and fully).
        language: Language of the prompts; ``auto`` goes by each query and passage.
        journal: File that remembers the answers; None to remember nothing.
        max_calls: Most calls of this run, failed ones counted.
        max_tokens: Most tokens of this run.
        concurrency: Calls under way at once; None for 4, or for 1 where the LLM has only a synchronous call (a local
            model, which may bear no two calls at once).
        retries: Further tries, after a failed call and after an unreadable answer.
        timeout: Seconds a call may take.
        pause: Seconds before the first retry of a failed call; doubled each time.
        show_progress: Show a progress bar.

    Returns:
        A judgement for each pair, in order, and the counts.

    Raises:
        ConfigError: An argument cannot work.
        DataError: A pair is none, or the journal is damaged or of other settings.
        RerankTunerError: The LLM cannot be asked at all, or another run holds the journal.
    """
    if scale not in ("yes/no", "graded"):
        raise ConfigError(f"scale must be yes/no or graded, got {scale!r}.")
    manners = Manners(concurrency, retries, timeout, pause, max_calls, max_tokens)
    unjudged = [each for index, given in enumerate(pairs) for each in _unjudged(index, given)]
    model = model_settings(llm)
    settings = {"work": "judgements", "prompt_version": PROMPT_VERSION, **model, "scale": scale}
    prompts = []
    for each in unjudged:
        asked_in = language_of(f"{each.query} {each.passage}", language)
        text, reminder = judging_prompt(each.query, each.passage, scale, asked_in)
        prompts.append(Prompt(content_hash(settings, asked_in, each.query, each.passage), text, reminder))
    replies, usage = ask_all(
        llm,
        prompts,
        lambda answer: read_grade(answer, scale),
        manners,
        journal=journal,
        settings=settings,
        answer_tokens=ANSWER_TOKENS,
        title="judging",
        show_progress=show_progress,
    )
    judged = [_judgement(each, reply, scale) for each, reply in zip(unjudged, replies, strict=True)]
    return judged, _report(judged, replies, JudgingReport(model["model"], scale, usage=usage))


class LLMJudge:
    """A ``Judge`` that asks an LLM; keeps all its judgements and the report of the last call.

    Args:
        llm: Any LlamaIndex LLM.
        scale: As in ``judge_pairs``.
        options: The other arguments of ``judge_pairs``.
    """

    def __init__(self, llm: LLM, scale: Scale = "yes/no", **options: Any) -> None:
        self.llm, self.scale, self.options = llm, scale, options
        self.judgements: list[Judgement] = []
        self.report: JudgingReport | None = None

    @property
    def name(self) -> str:
        """The LLM's name."""
        return str(model_settings(self.llm)["model"])

    def __call__(self, pairs: Sequence[Pair]) -> list[float | None]:
        """Judge (query, passage) pairs: a grade each, None for unknown."""
        judged, self.report = judge_pairs(pairs, self.llm, self.scale, **self.options)
        self.judgements += judged
        return [judgement.grade for judgement in judged]


def _unjudged(index: int, given: Any) -> list[Judgement]:
    if isinstance(given, RerankExample):
        named = (*given.positives, *given.negatives, *(given.candidates or ()))
        passages = {passage.key: passage for passage in named}.values()
        return [
            Judgement(given.query, passage.text, None, None, query_id=given.query_id, node_id=passage.node_id)
            for passage in passages
        ]
    if isinstance(given, tuple | list) and len(given) == 2 and all(isinstance(text, str) for text in given):
        return [Judgement(given[0], given[1], None, None)]
    raise DataError(
        f"pair {index}", f"{type(given).__name__} is no pair", "Expected (query text, passage text) or an example."
    )


def _judgement(unjudged: Judgement, reply: Reply[float], scale: Scale) -> Judgement:
    verdict: Verdict = "unknown"
    if reply.value is not None:
        verdict = "relevant" if reply.value >= _LOWEST_RELEVANT[scale] else "not relevant"
    return replace(unjudged, grade=reply.value, raw=reply.raw, problem=reply.problem, verdict=verdict)


def _report(judged: Sequence[Judgement], replies: Sequence[Reply[float]], report: JudgingReport) -> JudgingReport:
    verdicts = [judgement.verdict for judgement in judged]
    report.relevant = verdicts.count("relevant")
    report.not_relevant = verdicts.count("not relevant")
    report.unknown = verdicts.count("unknown")
    report.unasked = sum(not reply.asked for reply in replies)
    return report
