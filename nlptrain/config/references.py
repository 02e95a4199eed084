"""The models that a configuration names: listed for checks and hashes, and replaced by pinned names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from nlptrain.config.commands import CommandConfig

C = TypeVar("C", bound=CommandConfig)

_KEYS = ("model", "teacher", "student.tokenizer", "student.embedder.init", "student.model", "student.init_from")
_NO_MODELS = (None, "random", "teacher")


def model_references(config: CommandConfig) -> dict[str, str]:
    """The dotted key of each model that ``config`` names, with what it says."""
    keys = [
        *_KEYS[:2],
        *(f"teachers.{n}.path" for n in range(len(getattr(config, "teachers", None) or ()))),
        *_KEYS[2:],
    ]
    found = {key: _value(config, key) for key in keys}
    return {key: value for key, value in found.items() if value not in _NO_MODELS}


def with_references(config: C, references: Mapping[str, str]) -> C:
    """``config`` with other names at the keys of ``references``."""
    values = config.model_dump()
    for key, reference in references.items():
        *above, last = key.split(".")
        at: Any = values
        for part in above:
            at = at[int(part) if part.isdigit() else part]
        at[last] = reference
    return type(config).model_validate(values)


def _value(config: object, key: str) -> Any:  # noqa: ANN401
    at: Any = config
    for part in key.split("."):
        at = at[int(part)] if part.isdigit() else getattr(at, part, None)
        if at is None:
            return None
    return at
