"""Label mapping: rename entity types or whole labels in a list of label names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nlptrain.errors import InputError
from nlptrain.schemes import parted
from nlptrain.suggestions import suggest


def map_labels(names: Sequence[str], mapping: Mapping[str, str], *, plain: bool, key: str) -> list[str]:
    """Rename ``names`` by ``mapping``; others stay as they are.

    Args:
        names: labels, e.g. ``B-PER`` or, for plain tags, ``NN``.
        mapping: from labels or entity types to new names; ``O`` removes a type.
        plain: whether the labels are plain tags, without entity types.
        key: the configuration key of the mapping, for messages.

    Raises:
        InputError: the mapping has a name that is no label and no type.

    Example:
        >>> map_labels(["O", "B-PER", "B-MISC"], {"PER": "person", "B-MISC": "O"}, plain=False, key="label_map")
        ['O', 'B-person', 'O']
    """
    types = [] if plain else list(dict.fromkeys(part[1] for name in names if (part := parted(name))))
    unknown = [name for name in mapping if name not in names and name not in types]
    if unknown:
        known = [*types, *(name for name in names if plain or name == "O")]
        hint = suggest(unknown[0], [*known, *names])
        raise InputError(f"{key}: {', '.join(unknown)} is no label or type; known: {', '.join(known)}{hint}")
    return [_map_label(name, mapping, plain) for name in names]


def _map_label(name: str, mapping: Mapping[str, str], plain: bool) -> str:
    if name in mapping:
        return mapping[name]
    part = None if plain else parted(name)
    if part is None or part[1] not in mapping:
        return name
    new_type = mapping[part[1]]
    return "O" if new_type == "O" else f"{part[0]}-{new_type}"
