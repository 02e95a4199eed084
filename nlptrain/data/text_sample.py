"""A sample of a long text, from which a vocabulary is made."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice

from nlptrain.data.raw_files import check_raw
from nlptrain.data.sentence import Sentence
from nlptrain.data.text_ranges import TextFiles, TextRange, has_byte_ranges

_SENTENCE_BYTES = 100  # about as many bytes as a sentence has
_PART_BYTES, _PARTS = 2**16, 1_000  # bytes of each part of a file, at least, and the most parts


def sample_text(files: TextFiles, size: int) -> Iterator[Sentence]:
    """Yield distinct sentences from evenly spread positions in ``files``.

    Args:
        files: of raw text.
        size: bytes of text in all; of files without byte ranges, about as much from their start.

    Raises:
        InputError: a file is not raw text, or cannot be read.
    """
    seen: set[bytes] = set()
    for sentence in _sampled(files, min(1.0, size / max(1, files.size))):
        if (sentence_hash := sentence.hash()) not in seen:
            seen.add(sentence_hash)
            yield sentence


def _sampled(files: TextFiles, share: float) -> Iterator[Sentence]:
    for path in files.paths:
        check_raw(path)
        length = path.stat().st_size
        if not has_byte_ranges(path):
            count = math.ceil(share * length / _SENTENCE_BYTES)
            yield from islice(files.sentences(TextRange(path, 0, None)), count)
            continue
        parts = max(1, min(_PARTS, math.ceil(share * length / _PART_BYTES)))
        for part in range(parts):
            start = length * part // parts
            yield from files.sentences(TextRange(path, start, start + math.ceil(share * length / parts)))
