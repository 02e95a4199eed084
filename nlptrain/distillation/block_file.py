"""The file of a block: texts, words and logits of its sentences, and a checksum."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from nlptrain.data.blocks import Block
from nlptrain.data.sentence import Hashes, Sentence
from nlptrain.distillation.sealed_files import DamagedFileError, open_sealed, sealed_content
from nlptrain.distillation.stored_logits import AllLogits, StoredLogits, TopLogits, smallest_columns
from nlptrain.distillation.teachers.teacher import TeacherLogits

_HASH = pa.binary(16)
_ASKED, _FAILED = b"asked_types", b"failed"  # keys of the schema's metadata
_COUNTS = (pa.uint8(), pa.uint16(), pa.uint32())


@dataclass(frozen=True)
class StoredBlock:
    """The file of a block, mapped into memory.

    Attributes:
        hashes: of the words of each sentence, [N].
        texts: of each sentence, [N].
        offsets: of the first word of each sentence, and the number of all words, [N + 1].
        gaps: characters between each word and the one before it, [words].
        lengths: characters of each word, [words].
        logits: of all words.
        failed: the reason for each sentence that the teacher failed on; its logits are zeros.
    """

    hashes: Hashes
    texts: pa.StringArray
    offsets: NDArray[np.int32]
    gaps: NDArray[np.unsignedinteger[Any]]
    lengths: NDArray[np.unsignedinteger[Any]]
    logits: StoredLogits
    failed: Mapping[int, str]

    def __len__(self) -> int:
        """Return the number of sentences."""
        return len(self.hashes)

    def sentence(self, row: int) -> Sentence:
        """Return a sentence as it was labeled, without tags."""
        words = slice(self.offsets[row], self.offsets[row + 1])
        return _sentence(self.texts[row].as_py(), self.gaps[words].tolist(), self.lengths[words].tolist())

    def sentences(self) -> Iterator[Sentence]:
        """Yield the sentences as they were labeled, without tags."""
        gaps, lengths, offsets = self.gaps.tolist(), self.lengths.tolist(), self.offsets.tolist()
        for text, start, end in zip(self.texts.to_pylist(), offsets, offsets[1:], strict=False):
            yield _sentence(text, gaps[start:end], lengths[start:end])


def _sentence(text: str, gaps: Sequence[int], lengths: Sequence[int]) -> Sentence:
    words, end = [], 0
    for gap, length in zip(gaps, lengths, strict=True):
        start = end + gap
        end = start + length
        words.append(text[start:end])
    return Sentence(tuple(words), text=text)


def block_content(
    block: Block,
    logits: TeacherLogits,
    labels: int,
    asked_types: Collection[str] | None,
    *,
    failed: Mapping[int, str] | None = None,
    top: bool = False,
) -> bytes:
    """Return the content of the file of ``block``.

    Args:
        block: the sentences.
        logits: of each word, in float16.
        labels: logits per word, C.
        asked_types: the types that the teacher was asked for; None: all.
        failed: the reason for each sentence that the teacher failed on.
        top: store the largest logits alone, see ``TopLogits``, unless all take less room.
    """
    gaps: list[int] = []
    for _, offsets in block.texts:
        previous_end = 0
        for start, end in offsets:
            gaps.append(start - previous_end)
            previous_end = end
    lengths = [end - start for _, offsets in block.texts for start, end in offsets]
    first_words = np.cumsum([0, *(len(offsets) for _, offsets in block.texts)])
    columns = {"gap": _counts(gaps), "length": _counts(lengths)}
    columns |= (smallest_columns if top else AllLogits.columns)(logits.values.reshape(-1, labels))
    words = pa.StructArray.from_arrays(list(columns.values()), list(columns))
    batch = pa.record_batch(
        {
            "hash": pa.array(block.hashes, _HASH),
            "text": pa.array([text for text, _ in block.texts], pa.string()),
            "words": pa.ListArray.from_arrays(pa.array(first_words, pa.int32()), words),
        }
    )
    metadata = {} if asked_types is None else {_ASKED: json.dumps(sorted(asked_types))}
    if failed:
        metadata[_FAILED] = json.dumps(sorted(failed.items()))
    return sealed_content(batch.replace_schema_metadata(metadata) if metadata else batch)


def _counts(values: list[int]) -> pa.Array:
    """Return ``values`` in the smallest type of unsigned integers that holds them."""
    largest = max(values, default=0)
    return pa.array(values, next(kind for kind in _COUNTS if largest < 2**kind.bit_width))


def open_block(path: Path, labels: int) -> StoredBlock:
    """Verify the file ``path`` of a block, and map it into memory.

    Args:
        path: of the file.
        labels: logits per word, C.

    Raises:
        DamagedFileError: the file differs from what was written.
        OSError: the file cannot be opened.
    """
    batch = open_sealed(path)
    if batch.schema.names != ["hash", "text", "words"] or not batch.num_rows:
        raise DamagedFileError("it is no block")
    hashes, texts, words = batch.columns
    if (hashes.type, texts.type) != (_HASH, pa.string()) or not pa.types.is_list(words.type):
        raise DamagedFileError("it is no block")
    if not pa.types.is_struct(words.type.value_type):
        raise DamagedFileError("it is no block")
    names = [field.name for field in words.type.value_type]
    if names not in (["gap", "length", "logits"], ["gap", "length", "rest", "top"]):
        raise DamagedFileError("it is no block")
    gaps, lengths = (words.values.field(name) for name in ("gap", "length"))
    if any(column.null_count for column in (*batch.columns, words.values, gaps, lengths)):
        raise DamagedFileError("it has words without a position")
    if gaps.type not in _COUNTS or lengths.type not in _COUNTS:
        raise DamagedFileError("it is no block")
    return StoredBlock(
        np.frombuffer(hashes.buffers()[1], dtype="S16")[hashes.offset :][: len(hashes)],
        texts,
        words.offsets.to_numpy(zero_copy_only=True),
        gaps.to_numpy(zero_copy_only=True),
        lengths.to_numpy(zero_copy_only=True),
        (AllLogits if "logits" in names else TopLogits).read(words.values, labels),
        dict(json.loads((batch.schema.metadata or {}).get(_FAILED, b"[]"))),
    )
