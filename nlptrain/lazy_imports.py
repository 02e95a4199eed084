"""Public names of a package that are imported on first use (PEP 562)."""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def lazy_names(module: str, homes: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` for ``module``.

    Args:
        module: name of the module that has the public names.
        homes: for each public name, the module that defines it.
    """

    def get(name: str) -> object:
        """Return the public ``name`` from the module that defines it."""
        if name not in homes:
            text = f"module {module!r} has no attribute {name!r}"
            raise AttributeError(text, name=name, obj=sys.modules[module])  # Python then suggests a similar name
        return getattr(import_module(homes[name]), name)

    def names() -> list[str]:
        """Return the names of the module, also those that are not imported yet."""
        special = (name for name in vars(sys.modules[module]) if name.startswith("__"))
        return sorted({*special, *homes})

    return get, names
