"""An exported tagger without torch: raw text to entities, by numpy, tokenizers and ONNX Runtime.

``nlptrain`` uses parts of this package (windows, schemes, decoding), so opening it imports nothing by itself.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as of typing, which takes milliseconds to import, and in which a signal is a traceback
if TYPE_CHECKING:
    from nlptrain_runtime.errors import FolderError as FolderError
    from nlptrain_runtime.predictions import Tagged as Tagged
    from nlptrain_runtime.tagger import Tagger as Tagger

__version__ = "0.1.0"
__all__ = ["FolderError", "Tagged", "Tagger", "__version__"]

_HOMES = {"FolderError": "errors", "Tagged": "predictions", "Tagger": "tagger"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"nlptrain_runtime.{_HOMES[name]}"), name)
