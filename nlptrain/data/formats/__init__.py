"""File formats of gold sentences: what their functions take and return. Each module reads and writes one format.

The formats are listed in ``nlptrain.config.formats``; ``registry`` reads and writes files of any of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from nlptrain.config.data import Align, ColumnsConfig
from nlptrain.data.formats.head import Head
from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_schemes import Scheme

_IDS, _TEXTS = "ids", "texts and word offsets"
_SCORES, _PARTIAL = "scores", "types that were looked for and rejected spans"


@dataclass
class ReadContext:
    """How gold files are read, and what of them is not used.

    Attributes:
        columns: of words and tags.
        scheme: that of the tags of labeled spans, which have none of their own.
        pretokenized: of texts with labeled spans: white space separates the words.
        report: receives what is repaired and skipped.
        align: what happens to spans that cut a word.
        entity_type: of entities without a type.
        tag_names: names of tags that the files have as numbers.
        joins_tags: whether labels of spans are tags such as ``B-PER``, and neighboring spans are one entity.
        segmenter: the word segmenter of texts with labeled spans; None: the word splitter.
    """

    columns: ColumnsConfig = field(default_factory=ColumnsConfig)
    scheme: Scheme = "iob2"
    pretokenized: bool = False
    report: ReadReport = field(default_factory=ReadReport)
    align: Align = "expand"
    entity_type: str = "ENTITY"
    tag_names: Mapping[str, str] = field(default_factory=dict)
    joins_tags: bool = False
    segmenter: str | None = None


@dataclass
class WriteContext:
    """How sentences are written, and what the format could not hold.

    Attributes:
        scheme: the scheme of their tags.
        comments: of CoNLL: write ids and texts as ``# id = ...`` and ``# text = ...``.
        pretokenized: of BRAT: write the words joined by spaces as the text.
        has_ids: whether any sentence has an id.
        has_texts: whether any sentence has a text.
        lost: for each kind of information that the format cannot hold, the number of sentences that had it.
    """

    scheme: Scheme
    comments: bool = False
    pretokenized: bool = False
    has_ids: bool = True
    has_texts: bool = True
    lost: Counter[str] = field(default_factory=Counter)

    def count_lost(
        self,
        sentence: Sentence,
        *,
        has_ids: bool = True,
        has_texts: bool = True,
        has_scores: bool = True,
        has_partial: bool = True,
    ) -> None:
        """Count what a format without ids, texts, scores or partial annotation cannot hold of ``sentence``."""
        if not has_ids and sentence.id is not None:
            self.lost[_IDS] += 1
        if not has_texts and sentence.text is not None:
            self.lost[_TEXTS] += 1
        if not has_scores and sentence.scores:
            self.lost[_SCORES] += 1
        if not has_partial and (sentence.is_partial or sentence.rejected):
            self.lost[_PARTIAL] += 1


ReadFormat = Callable[[Path, ReadContext], Iterator[Sentence]]
IgnoredColumns = Callable[[Path, ReadContext], list[str]]
FormatLines = Callable[[Iterable[Sentence], WriteContext], Iterator[str]]
WriteFormat = Callable[[Iterable[Sentence], Sequence[Path], WriteContext], None]
Sniff = Callable[[Head], bool]
FilesOf = Callable[[Path], list[Path]]


class ReadRows(Protocol):
    """Yields the rows of a file with their numbers from 1; of ``columns`` alone if it can skip the others.

    ``report`` receives the rows that cannot be read; None: the first one raises ``InputError``.
    """

    def __call__(
        self, path: Path, columns: Sequence[str] | None = None, report: ReadReport | None = None
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Read ``path``."""
        ...
