"""What ``nlptrain config show`` shows, and which command a file is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nlptrain.config.commands import COMMANDS, CommandConfig, TaggerKDConfig
from nlptrain.config.layers import merged
from nlptrain.config.loading import C, LoadedConfig
from nlptrain.config.objective import DistillConfig, PseudoLabelConfig

_PSEUDO_KEYS = PseudoLabelConfig.model_fields.keys() - DistillConfig.model_fields.keys()


def describe(loaded: LoadedConfig[C]) -> list[tuple[str, object, str]]:
    """Every key with its value and its origin, in the order of the schema."""
    return list(_rows(loaded.config.model_dump(mode="json"), loaded.origins))


def _rows(values: Mapping[str, Any], origins: Mapping[str, str], prefix: str = "") -> Iterator[tuple[str, object, str]]:
    for name, value in values.items():
        key = prefix + name
        if isinstance(value, dict):
            yield from _rows(value, origins, f"{key}.")
        else:
            origin = origins.get(key, "default")
            yield key, value, "--set" if origin.startswith("--set ") else origin


def command_of(path: Path, settings: Sequence[str] = (), flags: Mapping[str, object] | None = None) -> str:
    """The command that a file is for: the one that it is named after (up to a dash), else by the keys that it has."""
    named = path.stem.split("-")[0]
    if named in COMMANDS:
        return named
    model: type[CommandConfig] = TaggerKDConfig
    values, _ = merged(model, path, settings, flags or {})
    if "model" in values:
        return "transformer_token"
    if "teacher" not in values:
        return "tagger"
    objective = values.get("objective")
    return "pseudo_label" if isinstance(objective, dict) and _PSEUDO_KEYS & objective.keys() else "tagger_kd"
