"""How figures are written: digits, signs, intervals, and what stands where there is no figure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

NOTHING = "n/a"
EstimateRecord = Mapping[str, float | None]
"""An estimate in a report's document: ``value``, ``low`` and ``high``; no bounds where there is no interval."""


def share(value: float | None) -> str:
    """A value between 0 and 1, or any other score: three digits."""
    return NOTHING if value is None else f"{value:.3f}"


def signed(value: float | None) -> str:
    """A difference: three digits, always with its sign; what rounds to 0 has none to show.

    Example:
        >>> signed(0.0512), signed(-0.0001), signed(None)
        ('+0.051', '0.000', 'n/a')
    """
    if value is None:
        return NOTHING
    return "0.000" if round(value, 3) == 0 else f"{value:+.3f}"


def percent(value: float | None) -> str:
    """A change in percent; ``n/a`` where the base is 0."""
    if value is None:
        return NOTHING
    return "0.0 %" if round(value, 1) == 0 else f"{value:+.1f} %"


def estimate(record: EstimateRecord) -> str:
    """A mean with its interval.

    Example:
        >>> estimate({"value": 0.5, "low": 0.41, "high": 0.6}), estimate({"value": 0.5, "low": None, "high": None})
        ('0.500 [0.410, 0.600]', '0.500 [no interval]')
    """
    return f"{share(record['value'])} {_bounds(record, share)}"


def change(record: EstimateRecord) -> str:
    """A difference with its interval."""
    return f"{signed(record['value'])} {_bounds(record, signed)}"


def interval_words(record: EstimateRecord) -> str:
    """The interval of a difference as a reader says it."""
    if record["low"] is None or record["high"] is None:
        return "too few source documents for an interval"
    return f"95 % interval {signed(record['low'])} to {signed(record['high'])}"


def probability(value: float | None) -> str:
    """A p-value."""
    if value is None:
        return NOTHING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def milliseconds(seconds: float | None) -> str:
    """A time in milliseconds: one digit under ten, else none."""
    if seconds is None:
        return NOTHING
    return f"{1000 * seconds:.1f}" if seconds < 0.01 else f"{1000 * seconds:,.0f}"


def bounded(record: EstimateRecord) -> bool:
    """Whether there is an interval."""
    return record["low"] is not None and record["high"] is not None


def tone(record: EstimateRecord) -> str:
    """``better`` where the whole interval is above 0, ``worse`` where it is below, else empty."""
    low, high = record["low"], record["high"]
    if low is None or high is None:
        return ""
    return "better" if low > 0 else "worse" if high < 0 else ""


def _bounds(record: EstimateRecord, form: Callable[[float | None], str]) -> str:
    low, high = record["low"], record["high"]
    if low is None or high is None:
        return "[no interval]"
    return f"[{form(low)}, {form(high)}]"
