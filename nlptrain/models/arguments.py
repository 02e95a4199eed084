"""Arguments of the library: a bare string is refused where a list is expected, since it is a list of its letters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any


def check_iterable(values: object, name: str, hint: str) -> None:
    """Check that ``values`` is something to go through, and no bare string.

    Raises:
        TypeError: it is a string, or nothing that can be iterated.
    """
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise TypeError(f"{name}: found {_described(values)}; must be {hint}")


def checked_texts(texts: Iterable[str], name: str = "texts") -> Iterator[str]:
    """``texts``, each checked as it comes.

    Raises:
        TypeError: at the call: ``texts`` is one string; later: one of them is no string.
    """
    check_iterable(texts, name, "a list of texts, or another iterable of them: put a single text in a list")
    return _each_text(texts, name)


def _each_text(texts: Iterable[str], name: str) -> Iterator[str]:
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"{name}[{number}]: found {_described(text)}; must be a string")
        yield text


def checked_sentences(sentences: Iterable[Sequence[str]], name: str = "sentences") -> Sequence[Sequence[str]]:
    """``sentences`` as a list of lists of words.

    Raises:
        TypeError: it is no list of sentences, or one of them is no list of words.
    """
    check_iterable(sentences, name, "a list of sentences, each a list of words")
    found = sentences if isinstance(sentences, list | tuple) else list(sentences)
    if all(type(words) in (list, tuple) and all(type(word) is str for word in words) for words in found):
        return found
    return [_words(words, f"{name}[{number}]") for number, words in enumerate(found)]


def _words(words: Any, name: str) -> list[str]:  # noqa: ANN401
    check_iterable(words, name, "a list of words: nlptrain.predict reads raw text")
    kept = list(words)
    for number, word in enumerate(kept):
        if not isinstance(word, str):
            raise TypeError(f"{name}[{number}]: found {_described(word)}; must be a string")
    return kept


def _described(value: object) -> str:
    """What a message shows of ``value``."""
    if isinstance(value, str):
        return f"the string {value[:40]!r}"
    return f"{type(value).__name__} {str(value)[:40]}" if isinstance(value, int | float) else type(value).__name__
