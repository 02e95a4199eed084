"""Other names for labels: a map of types, or of whole labels, applied to a list of label names."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence

from nlptrain.errors import InputError
from nlptrain.schemes import parted


def renamed(names: Sequence[str], mapping: Mapping[str, str], *, plain: bool, key: str) -> list[str]:
    """``names`` as ``mapping`` renames them; what it does not name stays.

    Args:
        names: labels, as ``B-PER`` or, for plain tags, ``NN``.
        mapping: whole labels, or the types in them, to others; ``O`` for none.
        plain: the names hold no types.
        key: the configuration key that holds the map, for messages.

    Raises:
        InputError: the map names what is no label and no type.

    Example:
        >>> renamed(["O", "B-PER", "I-PER", "B-MISC"], {"PER": "person", "B-MISC": "O"}, plain=False, key="label_map")
        ['O', 'B-person', 'I-person', 'O']
    """
    types = [] if plain else list(dict.fromkeys(part[1] for name in names if (part := parted(name))))
    strangers = [name for name in mapping if name not in names and name not in types]
    if strangers:
        known = [*types, *(name for name in names if plain or name == "O")]
        near = difflib.get_close_matches(strangers[0], [*known, *names], n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise InputError(f"{key}: {', '.join(strangers)} is no label or type; known: {', '.join(known)}{hint}")
    return [_renamed(name, mapping, plain) for name in names]


def _renamed(name: str, mapping: Mapping[str, str], plain: bool) -> str:
    if name in mapping:
        return mapping[name]
    part = None if plain else parted(name)
    if part is None or part[1] not in mapping:
        return name
    wanted = mapping[part[1]]
    return "O" if wanted == "O" else f"{part[0]}-{wanted}"
