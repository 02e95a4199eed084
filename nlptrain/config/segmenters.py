"""The registry of word segmenters, which `data.segmenter` names; all of them come with packages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from nlptrain.config.registry import Entry, Registry
from nlptrain_runtime.segmenters import GROUP, Segment, SegmenterError, load_segmenter


@dataclass(frozen=True)
class SegmenterEntry(Entry):
    """A word segmenter.

    Attributes:
        segment: takes a text and returns its words, or their (start, end).
    """

    segment: Segment


class _SegmenterRegistry(Registry[SegmenterEntry]):
    """A registry whose entry points are the functions themselves, so that exported taggers need no nlptrain."""

    def _load_entry(
        self, point: EntryPoint, entries: Mapping[str, SegmenterEntry]
    ) -> tuple[SegmenterEntry | None, str]:
        if point.name in entries:
            return None, "another package has a segmenter of this name, too"
        try:
            return SegmenterEntry(load_segmenter(point.name)), ""
        except SegmenterError as error:
            return None, str(error)


SEGMENTERS = _SegmenterRegistry("word segmenter", "data.segmenter", GROUP, SegmenterEntry, {})


def segmenter_names() -> list[str]:
    """Return the names of the segmenters of installed packages, which are not imported."""
    return sorted(entry_points(group=GROUP).names)
