"""The table of cases of the word splitter, and fragments for generated texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "data" / "word_splitter_cases.jsonl"
CASES: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text(encoding="utf-8").split("\n") if line]
# Fragments on the border between two rules of the pattern; random characters seldom are.
FRAGMENTS = [
    "a",
    "Ab",
    "n't",
    "'s",
    "’",
    ".",
    "...",
    "http://",
    "x.com",
    "@",
    "#",
    "3",
    "3.5",
    ",",
    "-",
    " ",
    "\t",
    "\n",
]
FRAGMENTS += ["🙂", "👩‍💻", "️", "‍", "한국", "北京", "ひら", "カタ", "ไทย", "é", "́", "&amp;", "\u2028", "\u00ad", "Mr."]
