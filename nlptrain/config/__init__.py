"""Configuration: every YAML key with type, bounds and meaning, and the loading of files."""

from nlptrain.lazy_imports import lazy_names

TYPE_CHECKING = False

# Imported on first use (PEP 562): the module of a plug-in's entries, which imports a part of this package, must not
# need the models that these entries become a part of.
_HOMES = {
    "COMMANDS": "nlptrain.config.commands",
    "CommandConfig": "nlptrain.config.commands",
    "LoadedConfig": "nlptrain.config.loading",
    "PseudoLabelRunConfig": "nlptrain.config.commands",
    "TaggerConfig": "nlptrain.config.commands",
    "TaggerKDConfig": "nlptrain.config.commands",
    "DistillationConfig": "nlptrain.config.commands",
    "TransformerTokenConfig": "nlptrain.config.commands",
    "command_of": "nlptrain.config.schema",
    "describe": "nlptrain.config.schema",
    "load_config": "nlptrain.config.loading",
    "to_yaml": "nlptrain.config.loading",
}
__all__ = [*_HOMES]

if TYPE_CHECKING:
    from nlptrain.config.commands import COMMANDS as COMMANDS
    from nlptrain.config.commands import CommandConfig as CommandConfig
    from nlptrain.config.commands import DistillationConfig as DistillationConfig
    from nlptrain.config.commands import PseudoLabelRunConfig as PseudoLabelRunConfig
    from nlptrain.config.commands import TaggerConfig as TaggerConfig
    from nlptrain.config.commands import TaggerKDConfig as TaggerKDConfig
    from nlptrain.config.commands import TransformerTokenConfig as TransformerTokenConfig
    from nlptrain.config.loading import LoadedConfig as LoadedConfig
    from nlptrain.config.loading import load_config as load_config
    from nlptrain.config.loading import to_yaml as to_yaml
    from nlptrain.config.schema import command_of as command_of
    from nlptrain.config.schema import describe as describe

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
