"""An exported tagger without torch: raw text to entities, by numpy, tokenizers and ONNX Runtime.

``nlptrain`` uses parts of this package (windows, schemes, decoding), so public names are imported on first use.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # instead of importing typing, which takes milliseconds, before signals are handled
if TYPE_CHECKING:
    from nlptrain_runtime.errors import BatchError as BatchError
    from nlptrain_runtime.errors import FolderError as FolderError
    from nlptrain_runtime.predictions import TaggedSentence as TaggedSentence
    from nlptrain_runtime.tag_batch import TagBatch as TagBatch
    from nlptrain_runtime.tagger import Tagger as Tagger

    Tagged = TaggedSentence

__version__ = "0.1.0"
__all__ = ["BatchError", "FolderError", "TagBatch", "TaggedSentence", "Tagger", "__version__"]

_DEFINED_IN = {
    "BatchError": "errors",
    "FolderError": "errors",
    "TagBatch": "tag_batch",
    "TaggedSentence": "predictions",
    "Tagger": "tagger",
}
_FORMER_NAMES = {"Tagged": "TaggedSentence"}


def __getattr__(name: str) -> object:
    name = _FORMER_NAMES.get(name, name)
    if name not in _DEFINED_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"nlptrain_runtime.{_DEFINED_IN[name]}"), name)
