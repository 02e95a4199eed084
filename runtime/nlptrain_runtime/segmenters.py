"""Word segmenters of installed packages, by the entry points of the group ``nlptrain.segmenters``.

A segmenter is a function that takes a text and returns its words, or their (start, end) in code points, from left to
right. White space between the words belongs to none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import entry_points

GROUP = "nlptrain.segmenters"
Segment = Callable[[str], Iterable[str | tuple[int, int]]]


class SegmenterError(ValueError):
    """A segmenter is missing, or returned something else than the words of its text."""


def load_segmenter(name: str) -> Segment:
    """Import the segmenter ``name``.

    Raises:
        SegmenterError: no installed package has it, or it cannot be imported or called.
    """
    points = {point.name: point for point in entry_points(group=GROUP)}
    if name not in points:
        known = f" (installed: {', '.join(sorted(points))})" if points else ""
        raise SegmenterError(f"the word segmenter {name!r} is not installed{known}; install the package that has it")
    try:
        function = points[name].load()
    except Exception as error:  # whatever the package raises
        raise SegmenterError(f"the word segmenter {name!r} cannot be imported: {error}") from error
    if not callable(function):
        raise SegmenterError(f"the word segmenter {name!r}: {points[name].value} is no function")
    segment: Segment = function
    return segment


def segment_text(segment: Segment, text: str, name: str) -> list[tuple[str, tuple[int, int]]]:
    """Return each word of ``text`` with its (start, end), without words that are only white space.

    Raises:
        SegmenterError: a word is not in the text after the one before it.
    """
    words = []
    end = 0
    for word in segment(text):
        if isinstance(word, str):
            start = text.find(word, end)
            stop = start + len(word)
        else:
            start, stop = word
        if not end <= start <= stop <= len(text):
            raise SegmenterError(
                f"the word segmenter {name!r} returned {word!r}, which is not in the rest of {text!r:.80}"
            )
        part = text[start:stop]
        if stripped := part.strip():
            first = start + len(part) - len(part.lstrip())
            words.append((stripped, (first, first + len(stripped))))
        end = stop
    return words
