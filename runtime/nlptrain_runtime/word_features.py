"""The features that a student with word embeddings reads: row in the vocabulary, shape, characters."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

from nlptrain_runtime.errors import FolderError

PADDING, UNKNOWN = 0, 1  # the first rows of the embedding table; those of the words follow

SHAPES = (
    "lower case",
    "Initial upper",
    "ALL UPPER",
    "miXed case",
    "letters without case",
    "digits",
    "digits and letters",
    "digits and marks",
    "letters and marks",
    "marks",
    "other",
)


def vocabulary_rows(vocabulary: dict[str, Any], file: Path) -> tuple[dict[str, int], bool]:
    """Return the row of each word of ``words.json``, and whether words are looked up in lower case.

    Raises:
        FolderError: the content is invalid.
    """
    words, lowercase = vocabulary.get("words"), vocabulary.get("lowercase")
    if type(lowercase) is not bool or type(words) is not list or not set(map(type, words)) <= {str}:
        raise FolderError(
            f"{file}: found no valid vocabulary; expected words, a list, and lowercase, true or false; "
            "export the tagger again"
        )
    return {word: row for row, word in enumerate(words, start=UNKNOWN + 1)}, lowercase


def character_codes(word: str, max_characters: int) -> list[int]:
    """Return the code points of ``word``; of a longer word, the first and the last ``max_characters / 2``."""
    codes = [ord(character) for character in word]
    if len(codes) <= max_characters:
        return codes
    half = max_characters // 2
    return [*codes[: max_characters - half], *codes[len(codes) - half :]]


def word_shape(word: str) -> int:
    """Return the class of ``word`` by its letters, digits and marks, an index of ``SHAPES``.

    Example:
        >>> [SHAPES[word_shape(word)] for word in ("sings", "Ada", "NATO", "iPhone", "2026", "4th", "3.5", "Mr.", "!?")]
        ['lower case', 'Initial upper', 'ALL UPPER', 'miXed case', 'digits', 'digits and letters', 'digits and marks', 'letters and marks', 'marks']
    """  # noqa: E501
    kinds = {unicodedata.category(character)[0] for character in word}
    letters, digits, marks = "L" in kinds, "N" in kinds, bool(kinds & {"P", "S"})
    if digits:
        return SHAPES.index("digits and letters" if letters else "digits and marks" if marks else "digits")
    if letters and marks:
        return SHAPES.index("letters and marks")
    if letters:
        return SHAPES.index(_case_of(word))
    return SHAPES.index("marks" if marks else "other")


def _case_of(word: str) -> str:
    if word.lower() == word.upper():
        return "letters without case"
    if word == word.lower():
        return "lower case"
    if word == word.upper() and len(word) > 1:
        return "ALL UPPER"
    return "Initial upper" if word[:1] == word[:1].upper() and word[1:] == word[1:].lower() else "miXed case"
