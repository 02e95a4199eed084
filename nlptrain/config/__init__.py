"""Configuration: every YAML key with type, bounds and meaning, and the loading of files."""

from nlptrain.config.commands import (
    COMMANDS,
    CommandConfig,
    DistillationConfig,
    PseudoLabelRunConfig,
    TaggerConfig,
    TaggerKDConfig,
    TransformerTokenConfig,
)
from nlptrain.config.loading import LoadedConfig, load_config, to_yaml
from nlptrain.config.schema import command_of, describe

__all__ = [
    "COMMANDS",
    "CommandConfig",
    "LoadedConfig",
    "PseudoLabelRunConfig",
    "TaggerConfig",
    "TaggerKDConfig",
    "DistillationConfig",
    "TransformerTokenConfig",
    "command_of",
    "describe",
    "load_config",
    "to_yaml",
]
