"""Blocks: runs of consecutive sentences of one source, cut by the hashes of the sentences.

Content-defined chunking (Muthitacharoen, Chen and Mazières 2001, "A low-bandwidth network file system"): an inserted
line changes the block that it falls into, and no other one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from nlptrain.data.sentence import Sentence

CUT_MODULUS = 1024  # a block ends after a sentence whose hash is 0 modulo this
MAX_SENTENCES = 4096  # of a block, counted from the last such cut

SYNTHETIC = "augment"  # the source of synthetic sentences

Offsets = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Block:
    """Consecutive sentences of one source, each once.

    Attributes:
        name: a hash of the words and the texts of the sentences: 32 hexadecimal digits.
        sentences: in their order, without repeats.
        hashes: of the words of each sentence.
        texts: the text of each sentence, and start and end of each word in it, see ``Sentence.as_text``.
        read: the sentences that were read, repeats included.
        positions: the index in ``sentences`` of each of these.
    """

    name: str
    sentences: Sequence[Sentence]
    hashes: Sequence[bytes]
    texts: Sequence[tuple[str, Offsets]]
    read: Sequence[Sentence]
    positions: Sequence[int]

    @classmethod
    def of(cls, sentences: Sequence[Sentence], hashes: Sequence[bytes]) -> Block:
        """Build the block of the ``sentences`` that were read, with the hash of each."""
        indices: dict[bytes, int] = {}
        read, positions = sentences, [indices.setdefault(sentence_hash, len(indices)) for sentence_hash in hashes]
        if len(indices) < len(sentences):
            firsts: dict[int, Sentence] = {}
            for position, sentence in zip(positions, sentences, strict=True):
                firsts.setdefault(position, sentence)
            sentences = list(firsts.values())
        texts = [sentence.as_text() for sentence in sentences]
        name = hashlib.blake2b(digest_size=16)
        for sentence_hash, (text, _) in zip(indices, texts, strict=True):
            encoded = text.encode("utf-8", "surrogatepass")
            name.update(sentence_hash + len(encoded).to_bytes(8, "little") + encoded)
        return cls(name.hexdigest(), sentences, list(indices), texts, read, positions)

    @property
    def weight(self) -> float:
        """The sampling weight of all its sentences."""
        return self.sentences[0].weight

    @property
    def is_synthetic(self) -> bool:
        """Whether the sentences are synthetic."""
        return self.sentences[0].file == SYNTHETIC


def cut_blocks(sentences: Iterable[Sentence]) -> Iterator[Block]:
    """Cut ``sentences`` into blocks: at the end of each source, and after each sentence whose hash is 0 modulo 1,024.

    Where no such sentence comes, a block ends after 4,096 sentences. A source is a file with its weight.
    """
    part: list[Sentence] = []
    hashes: list[bytes] = []
    source = None
    for sentence in sentences:
        if (own := (sentence.file, sentence.weight)) != source:
            if part:
                yield Block.of(part, hashes)
                part, hashes = [], []
            source = own
        sentence_hash = sentence.hash()
        part.append(sentence)
        hashes.append(sentence_hash)
        if is_cut(sentence_hash) or len(part) == MAX_SENTENCES:
            yield Block.of(part, hashes)
            part, hashes = [], []
    if part:
        yield Block.of(part, hashes)


def is_cut(sentence_hash: bytes) -> bool:
    """Return whether a block ends after the sentence with this hash."""
    return int.from_bytes(sentence_hash[:4], "little") % CUT_MODULUS == 0
