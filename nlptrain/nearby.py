"""What a name that is not there may have meant."""

from __future__ import annotations

import difflib
from pathlib import Path


def nearby(path: Path) -> str:
    """``; did you mean 'data/train.conll'?`` if a name like that of ``path`` stands in its folder, else nothing."""
    if not path.parent.is_dir():
        return ""
    near = difflib.get_close_matches(path.name, [item.name for item in path.parent.iterdir()], n=1)
    return f"; did you mean '{path.parent / near[0]}'?" if near else ""
