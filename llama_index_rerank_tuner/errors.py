"""Errors and warnings a user can act on: what was wrong, where, and the next step."""


class RerankTunerError(Exception):
    """Base of every error this package raises on purpose."""


class RerankTunerWarning(UserWarning):
    """Base of every warning this package gives on purpose."""


class DataError(RerankTunerError, ValueError):
    """A record or a data set cannot be used as it is.

    Args:
        where: The place: a file with its line, a record, a query.
        problem: What is wrong there.
        fix: What was expected, or what to do next.

    Example:
        >>> print(DataError("train.jsonl line 41", '"score" is "yes"', "Expected a number (1 relevant, 0 not)."))
        train.jsonl line 41: "score" is "yes". Expected a number (1 relevant, 0 not).
    """

    def __init__(self, where: str, problem: str, fix: str) -> None:
        super().__init__(f"{where}: {problem}. {fix}")
        self.where, self.problem, self.fix = where, problem, fix


class LeakError(DataError):
    """The same question with the same answer stands on both sides of a split."""


class ConfigError(RerankTunerError, ValueError):
    """An argument or a setting has a value that cannot work."""


class CheckpointExistsError(RerankTunerError, FileExistsError):
    """The output directory already holds a checkpoint, and overwriting was not asked for."""


class CheckpointNotFoundError(RerankTunerError, FileNotFoundError):
    """A model path does not exist, or holds no model."""


class MissingExtraError(RerankTunerError, ImportError):
    """An optional dependency is needed and not installed."""

    def __init__(self, need: str, extra: str) -> None:
        super().__init__(f"{need} Install it with: pip install 'llama-index-rerank-tuner[{extra}]'")


class ScoreError(RerankTunerError, ValueError):
    """A model gave a score that cannot be ranked on (NaN or infinite)."""


class NotTrainedError(RerankTunerError, RuntimeError):
    """A result of training was asked for before ``finetune()`` ran."""


class OverloadedError(RerankTunerError, RuntimeError):
    """More waits to be reranked than was allowed to wait: the call is refused at once rather than served too late."""
