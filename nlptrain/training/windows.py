"""The windows of all sentences as flat arrays of subwords, word positions and gold labels, mapped from files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptrain.atomic_files import read_sealed_json, whole_folder, write_sealed_json
from nlptrain.data.mapped_arrays import ArrayWriter
from nlptrain_runtime.windows import Window

Indices = Sequence[int] | NDArray[np.integer]
CLOSES, HAS_GOLD = 1, 2  # flags of a window
SLICE = 2**16  # windows that are processed at once
_SUMS = "sums.json"


@dataclass(frozen=True)
class WindowWords:
    """The words of some windows.

    Attributes:
        rows: the sentence of each window, [windows].
        firsts: the index of its first word in the sentence, [windows].
        counts: its number of words, [windows].
        gold: the label id of each word, or ``NO_LABEL``, [words].
    """

    rows: NDArray[np.int64]
    firsts: NDArray[np.int32]
    counts: NDArray[np.int64]
    gold: NDArray[np.int16]


@dataclass(frozen=True)
class MappedWindows:
    """The N windows of all sentences.

    Attributes:
        subwords: of all windows, one after the other.
        subword_offsets: of the first subword of each window, and the number of all subwords, [N + 1].
        starts: position of each word in its window.
        word_offsets: of the first word of each window, and the number of all words, [N + 1].
        gold: label id of each word, or ``NO_LABEL``.
        rows: the sentence of each window, [N].
        firsts: index of its first word in the sentence, [N].
        flags: 1 if it ends its sentence, plus 2 if its sentence has gold labels, [N].
        all_parts: position and word of the parts of words, see ``Examples``.
        part_offsets: of the first part of each window, [N + 1]; empty if there are no parts.
        lengths: subwords of each window, [N].
    """

    subwords: NDArray[np.int32]
    subword_offsets: NDArray[np.int64]
    starts: NDArray[np.int32]
    word_offsets: NDArray[np.int64]
    gold: NDArray[np.int16]
    rows: NDArray[np.int32]
    firsts: NDArray[np.int32]
    flags: NDArray[np.uint8]
    all_parts: NDArray[np.int32]
    part_offsets: NDArray[np.int64]
    lengths: NDArray[np.int32]

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.rows)

    def save(self, folder: Path, counts: tuple[int, int], vocabulary: Sequence[str] = ()) -> None:
        """Write all arrays to ``folder``, whole or not at all.

        Args:
            folder: that is replaced.
            counts: the numbers of sentences and words.
            vocabulary: the words whose ids are in ``subwords``, in the order of these; () if these are fixed.

        Raises:
            OSError: it cannot be written.
        """
        with whole_folder(folder) as part:
            # JSON in ASCII inside of JSON: words may have surrogates.
            sums: dict[str, Any] = {"counts": counts, "vocabulary": json.dumps(vocabulary)}
            for field in fields(self):
                path = part / f"{field.name}.npy"
                np.save(path, getattr(self, field.name))
                sums[field.name] = _checksum(path)
            write_sealed_json(part / _SUMS, sums)

    @classmethod
    def load(cls, folder: Path) -> tuple[MappedWindows, tuple[int, int], list[str]] | None:
        """Map the arrays in ``folder`` into memory, and return them with the counts and the vocabulary.

        None if there are none, or if they are damaged.
        """
        if (sums := read_sealed_json(folder / _SUMS)) is None:
            return None
        try:
            if any(_checksum(folder / f"{field.name}.npy") != sums[field.name] for field in fields(cls)):
                return None
            windows = cls.mapped(folder)
            if read_sealed_json(folder / _SUMS) != sums:  # another process has replaced the folder meanwhile
                return None
            sentences, words = sums["counts"]
            return windows, (sentences, words), json.loads(sums["vocabulary"])
        except OSError:  # a file is missing, or another process replaces the folder
            return None

    @classmethod
    def mapped(cls, folder: Path) -> MappedWindows:
        """Map the arrays that ``save`` has just written to ``folder`` into memory.

        Raises:
            OSError: a file is missing.
        """
        # Slices of numpy's own class of mapped arrays are slow.
        paths = {field.name: folder / f"{field.name}.npy" for field in fields(cls)}
        return cls(**{name: np.asarray(np.load(path, mmap_mode="r")) for name, path in paths.items()})

    def select(self, indices: Indices) -> list[Window]:
        """Return the windows ``indices``."""
        indices = np.asarray(indices)
        spans = zip(
            self.subword_offsets[indices].tolist(),
            self.subword_offsets[indices + 1].tolist(),
            self.word_offsets[indices].tolist(),
            self.word_offsets[indices + 1].tolist(),
            self.firsts[indices].tolist(),
            self.flags[indices].tolist(),
            strict=True,
        )
        return [
            Window(self.subwords[start:end], self.starts[first:last], first_word, bool(flags & CLOSES))
            for start, end, first, last, first_word, flags in spans
        ]

    def words(self, indices: Indices) -> WindowWords:
        """Return the words of the windows ``indices``, in this order."""
        indices = np.asarray(indices)
        starts, ends = self.word_offsets[indices], self.word_offsets[indices + 1]
        spans = zip(starts.tolist(), ends.tolist(), strict=True)
        parts = [self.gold[start:end] for start, end in spans]
        return WindowWords(
            self.rows[indices].astype(np.int64), self.firsts[indices], ends - starts, np.concatenate(parts)
        )

    def parts(self, index: int) -> NDArray[np.int32]:
        """Return position and word of each part of the words of a window, [P, 2]."""
        if not len(self.part_offsets):
            return self.all_parts.reshape(-1, 2)
        start, end = self.part_offsets[index], self.part_offsets[index + 1]
        return self.all_parts[2 * start : 2 * end].reshape(-1, 2)

    def target_words(
        self, teacher_from: int | None, known_words: Callable[[int], int], folder: Path | None
    ) -> NDArray[np.int32]:
        """Return the number of words, and parts of words, of each window that have a target, [N].

        Args:
            teacher_from: the first sentence with a teacher's logits; None: there is none.
            known_words: returns the words of a window, of a partial sentence, of which something is known.
            folder: of the temporary file.
        """
        writer = ArrayWriter(np.int32, folder)
        for start in range(0, len(self), SLICE):
            part = slice(start, start + SLICE)
            counts = np.diff(self.word_offsets[start : start + SLICE + 1])
            if len(self.part_offsets):
                counts = counts + np.diff(self.part_offsets[start : start + SLICE + 1])
            has_target = (self.flags[part] & HAS_GOLD) > 0
            if teacher_from is not None:
                has_target |= self.rows[part] >= teacher_from
            others = np.flatnonzero(~has_target)
            counts[others] = [known_words(start + index) for index in others.tolist()]
            writer.append(counts)
        return writer.finish()


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
