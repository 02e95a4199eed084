"""The word segmenter: two characters are a word, as in many Chinese names."""

import re


def pairs(text: str) -> list[str]:
    """Return the words of a text from left to right."""
    return re.findall(r"\S{1,2}", text)
