"""Training settings in a TOML file: read with errors that name the file and the key, and written back."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama_index_rerank_tuner.errors import ConfigError

if TYPE_CHECKING:
    from llama_index_rerank_tuner.training.settings.config import FinetuneConfig

TABLE = "finetune"
NONE = "none"
"""Stands for None in the file: TOML has no null."""


def read_settings(config: type[FinetuneConfig], path: Path) -> FinetuneConfig:
    """Read a TOML file into settings.

    Raises:
        ConfigError: The file, a key of it, or a value cannot be used.
    """
    settings = _table(path)
    known = [each.name for each in fields(config)]
    for key in settings:
        if key not in known:
            raise ConfigError(f"{path}: there is no setting {key!r}. {_advice(key, known)}")
    try:
        return config(**{key: _python(value) for key, value in settings.items()})
    except ConfigError as error:
        raise ConfigError(f"{path}: {error} Correct it, or leave it out for the default.") from error


def write_settings(settings: Mapping[str, Any], path: Path) -> None:
    """Write settings as the table ``[finetune]``."""
    lines = [f"{name} = {_toml(value)}" for name, value in settings.items()]
    path.write_text("\n".join([f"[{TABLE}]", *lines, ""]), encoding="utf-8")


def _table(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ConfigError(f"There is no settings file {str(path)!r}.")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not a TOML file ({error}). Write lines such as: epochs = 3") from error
    table = content.get(TABLE, content)
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: {TABLE!r} is {table!r}; expected a table [{TABLE}] of settings.")
    return table


def _advice(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key.lower().replace("-", "_"), known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"The settings are: {', '.join(known)}."


def _python(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(value)
    return None if value == NONE else value


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_quoted(each) for each in value)}]"
    if isinstance(value, str | bool) or value is None:
        return _quoted(NONE if value is None else value)
    return repr(value)


def _quoted(value: str | bool) -> str:
    """As JSON writes it, which is TOML but for one control character."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
