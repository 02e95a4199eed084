"""Dev sentences out of train, for who has no dev file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from nlptrain.data.sentence import Sentence

_SHARE = 10
_LEAST, _MOST = 100, 2_000


def take_dev(sentences: Sequence[Sentence]) -> tuple[list[Sentence], list[Sentence]]:
    """Train and dev: 10 % of ``sentences``, at least 100 but at most a third, at most 2,000, become dev.

    Those with the smallest digests are taken, so that neither seed nor order changes which, and a sentence that is
    added moves hardly any other. Sentences of the same words stay together, so dev may come out a few short.
    """
    digests = [sentence.digest() for sentence in sentences]
    copies = Counter(digests)
    room = min(max(len(sentences) // _SHARE, _LEAST), len(sentences) // 3, _MOST)
    taken: set[bytes] = set()
    for digest in sorted(copies):
        if copies[digest] <= room:
            taken.add(digest)
            room -= copies[digest]
        if not room:
            break
    train = [sentence for sentence, digest in zip(sentences, digests, strict=True) if digest not in taken]
    dev = [sentence for sentence, digest in zip(sentences, digests, strict=True) if digest in taken]
    return train, dev
