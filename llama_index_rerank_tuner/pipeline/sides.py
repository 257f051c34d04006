"""The three sides of the data: what is learnt from, what chooses, and what the verdict rests on."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from llama_index_rerank_tuner.dataset import RerankDataset
from llama_index_rerank_tuner.dataset.splitting.leaks import Leak, find_leaks
from llama_index_rerank_tuner.dataset.splitting.split import Size, Split, group_of, teachable, training_corpus
from llama_index_rerank_tuner.errors import ConfigError, DataError, LeakError, RerankTunerWarning
from llama_index_rerank_tuner.evaluation import FEWEST_GROUPS
from llama_index_rerank_tuner.records import RerankExample
from llama_index_rerank_tuner.training.run.folder import REPORT_FILE

MOST_LISTED = 50
"""Leaks that an error names; ``find_leaks`` gives them all."""

KEEP_APART = "Remove them from one side, or let the split keep them together: give test= a share."


def searched_together(labelled: RerankDataset, test: Size | RerankDataset) -> RerankDataset:
    """The labelled questions over a corpus that holds the passages of a given test set too.

    Args:
        labelled: Questions to train and validate on, and to test on where ``test`` is a size.
        test: The test questions, or how many of the labelled ones to cut off.

    Raises:
        ConfigError: The passages of the two were made under different text contracts.
        DataError: A question has no positive, or one passage id stands for two texts.
    """
    labelled.require_positives()
    if not isinstance(test, RerankDataset):
        return labelled
    test.require_positives()
    _check_same_text(labelled, test)
    return RerankDataset.build(labelled.examples, (*labelled.corpus, *test.corpus), labelled.contract)


def cut_in_three(labelled: RerankDataset, val: Size, test: Size | RerankDataset, seed: int) -> Split:
    """Training, validation and test, none of whose questions leak into another.

    Nothing of a given test set can be taught either: no passage of its source documents, or that answers one of its
    questions, stays in the training corpus.

    Args:
        labelled: The questions, over a corpus that holds everything that is searched (``searched_together``).
        val: Share or number of questions to validate on.
        test: The same to test on, or the test questions.
        seed: Same seed, same sides.

    Raises:
        LeakError: A test question stands among the others with its answer; the message lists them.
        DataError: There are too few source documents on a side.
        ConfigError: The sizes ask for more than there is.

    Warns:
        RerankTunerWarning: A given test set is about the same source documents as the other questions.
    """
    if isinstance(test, RerankDataset):
        split = _with_test(labelled.split(val=val, test=0, seed=seed), test)
    else:
        split = labelled.split(val=val, test=test, seed=seed)
    refuse_leaks((*split.train, *split.val), split.test)
    _check_sizes(split)
    return split


def refuse_leaks(
    known: Iterable[RerankExample],
    test: Iterable[RerankExample],
    where: str = "the training or validation data",
    fix: str = KEEP_APART,
) -> None:
    """Refuse test questions that training or validation has seen.

    Args:
        known: The questions trained and validated on.
        test: The test questions.
        where: What ``known`` is, for the error.
        fix: What to do about it.

    Raises:
        LeakError: A test question is the same or nearly the same as one of ``known``, and has the same or nearly the
            same answer. The message lists up to 50 of them.

    Example:
        >>> train = RerankDataset.from_records([{"query": "Who may apply?", "passage": "Small firms.", "score": 1}])
        >>> test = RerankDataset.from_records([{"query": "who may apply", "passage": "Small firms!", "score": 1}])
        >>> refuse_leaks(train, test)
        Traceback (most recent call last):
        ...
        llama_index_rerank_tuner.errors.LeakError: test: 1 of its 1 questions stand in the training or validation \
data with their answers, the same or nearly the same. Remove them from one side, or let the split keep them together: \
give test= a share.
          'who may apply' is 'Who may apply?'
    """
    asked = tuple(test)
    leaks = find_leaks(known, asked).leaks
    if leaks:
        raise LeakError(
            "test",
            f"{len(leaks)} of its {len(asked)} questions stand in {where} with their answers, the same or nearly the "
            "same",
            f"{fix}\n{_listed(leaks)}",
        )


def refuse_taught_before(model_id: str, test: Iterable[RerankExample]) -> None:
    """Refuse test questions that the model to start from was tuned on, where an earlier run left what it learnt from.

    Args:
        model_id: The model to start from; nothing is known of one that is no checkpoint of ``tune_reranker``.
        test: The test questions.

    Raises:
        LeakError: The earlier run was trained or validated on some of them; the message lists them.
    """
    model = Path(model_id).expanduser().resolve()
    if not (model / REPORT_FILE).is_file():
        return
    files = [model.parent / "data" / f"{side}.jsonl" for side in ("train", "val")]
    taught = [example for file in files if file.is_file() for example in RerankDataset.from_groups(file)]
    refuse_leaks(
        taught,
        test,
        f"what {model_id} was tuned on (beside it in data/)",
        "Test on questions that it has not seen, split with the data and seed of then, or start from another model.",
    )


def _listed(leaks: Sequence[Leak]) -> str:
    lines = [f"  {leak.second.query[:100]!r} is {leak.first.query[:100]!r}" for leak in leaks[:MOST_LISTED]]
    more = [f"  and {len(leaks) - MOST_LISTED} more"] if len(leaks) > MOST_LISTED else []
    return "\n".join(lines + more)


def _check_same_text(labelled: RerankDataset, test: RerankDataset) -> None:
    """A model that was trained on other text than it is tested on is measured on another task."""
    for name in ("metadata_mode", "query_template", "passage_template"):
        ours, theirs = getattr(labelled.contract, name), getattr(test.contract, name)
        if ours != theirs:
            raise ConfigError(
                f"The test set was made under another text contract: its {name} is {theirs!r}, that of the labelled "
                f"questions {ours!r}. Make both from the same nodes under the same TextContract."
            )


def _with_test(split: Split, test: RerankDataset) -> Split:
    shared = _groups(test) & (_groups(split.train) | _groups(split.val))
    if shared:
        warnings.warn(
            f"{len(shared)} source documents have questions both in the test set and in the training or validation "
            "data. The figures hold for new questions about known documents; on new documents they may be lower.",
            RerankTunerWarning,
            stacklevel=4,
        )
    corpus = training_corpus(split.train.corpus, test.examples, whole_groups=not shared)
    train = replace(split.train, examples=teachable(split.train, corpus), corpus=corpus)
    return replace(split, train=train, test=test)


def _groups(dataset: RerankDataset) -> set[str]:
    return {example.group for example in dataset if example.group is not None}


def _check_sizes(split: Split) -> None:
    """Validation needs two groups to cross-fit the mix, and the test six for a verdict."""
    for side, dataset, needed in (("validation", split.val, 2), ("test", split.test, FEWEST_GROUPS)):
        groups = len({group_of(example) for example in dataset})
        if groups < needed:
            raise DataError(
                "split",
                f"{side} got {groups} source documents and needs {needed}",
                f"Give more documents, or a larger {side} share.",
            )
