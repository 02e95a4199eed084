"""Check arguments of the library: a string is not accepted as a list of strings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any


def check_iterable(values: object, name: str, hint: str) -> None:
    """Check that ``values`` is iterable and not a string.

    Raises:
        TypeError: it is a string, or not iterable.
    """
    if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise TypeError(f"{name}: found {_describe(values)}; expected {hint}")


def checked_texts(texts: Iterable[str], name: str = "texts") -> Iterator[str]:
    """Return an iterator over ``texts`` that checks each of them.

    Raises:
        TypeError: at the call, ``texts`` is one string; later, one of them is not a string.
    """
    check_iterable(texts, name, "a list of texts, or another iterable; put a single text in a list")
    return _each_text(texts, name)


def _each_text(texts: Iterable[str], name: str) -> Iterator[str]:
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"{name}[{index}]: found {_describe(text)}; expected a string")
        yield text


def checked_sentences(sentences: Iterable[Sequence[str]], name: str = "sentences") -> Sequence[Sequence[str]]:
    """Return ``sentences`` as a list of lists of words.

    Raises:
        TypeError: it is not a list of sentences, or one of them is not a list of words.
    """
    check_iterable(sentences, name, "a list of sentences, each a list of words")
    listed = sentences if isinstance(sentences, list | tuple) else list(sentences)
    if all(type(words) in (list, tuple) and all(type(word) is str for word in words) for words in listed):
        return listed
    return [_words(words, f"{name}[{index}]") for index, words in enumerate(listed)]


def _words(words: Any, name: str) -> list[str]:  # noqa: ANN401
    check_iterable(words, name, "a list of words; nlptrain.predict reads raw text")
    listed = list(words)
    for index, word in enumerate(listed):
        if not isinstance(word, str):
            raise TypeError(f"{name}[{index}]: found {_describe(word)}; expected a string")
    return listed


def _describe(value: object) -> str:
    """Return a short description of ``value`` for a message."""
    if isinstance(value, str):
        return f"the string {value[:40]!r}"
    return f"{type(value).__name__} {str(value)[:40]}" if isinstance(value, int | float) else type(value).__name__
