"""Splitting of gold files into train, dev and test without leaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nlptrain.atomic_files import whole_folder
from nlptrain.config.data import DataConfig
from nlptrain.config.formats import FORMATS, writable_formats
from nlptrain.data.corpus import Corpus
from nlptrain.data.duplicates import find_duplicates
from nlptrain.data.formats import WriteContext
from nlptrain.data.formats.registry import format_of, write_gold
from nlptrain.data.gold_files import common_scheme
from nlptrain.data.sentence import Sentence
from nlptrain.data.splitting import TRAIN, Assignment, SplitCounts, assign_splits
from nlptrain.data.tag_schemes import Scheme, to_scheme
from nlptrain.errors import InputError, Setting

_HOLD_DOCUMENTS = ("jsonl",)  # formats that can store them


@dataclass(frozen=True)
class FileSplits:
    """The result of splitting files.

    Attributes:
        paths: the new file of each split.
        counts: the contents of each split.
    """

    paths: Mapping[str, Path]
    counts: Mapping[str, SplitCounts]

    def describe(self) -> list[str]:
        """Return a table of the counts, a row per type, with the share of each split."""
        totals: Counter[str] = Counter()
        for counts in self.counts.values():
            totals.update(counts.types)
        rows: list[tuple[str, list[int]]] = [
            ("sentences", [counts.sentences for counts in self.counts.values()]),
            ("words", [counts.words for counts in self.counts.values()]),
            *((name, [counts.types.get(name, 0) for counts in self.counts.values()]) for name, _ in _ordered(totals)),
        ]
        width = max(len(name) for name, _ in rows)
        lines = [" " * width + "".join(f"{name:>20}" for name in self.counts)]
        for name, values in rows:
            cells = (f"{value:,} ({value / max(1, sum(values)):6.1%})" for value in values)
            lines.append(f"{name:{width}}" + "".join(f"{cell:>20}" for cell in cells))
        return lines

    def warnings(self) -> list[str]:
        """Return a line for each split in which types are missing."""
        totals: Counter[str] = Counter()
        for counts in self.counts.values():
            totals.update(counts.types)
        missing = {
            split: [f"{name} ({count:,} in all)" for name, count in _ordered(totals) if name not in counts.types]
            for split, counts in self.counts.items()
        }
        return [f"{split}: missing types: {', '.join(names)}" for split, names in missing.items() if names]


def split_files(
    sources: Sequence[str],
    out: Path,
    data: DataConfig,
    *,
    dev: float = 0.1,
    test: float = 0.1,
    target: str | None = None,
    overwrite: bool = False,
    log: Callable[[str], None] = lambda _: None,
) -> FileSplits:
    """Split the gold sentences of ``sources`` into the files train, dev and test in the folder ``out``.

    Documents and near-duplicates stay in one split, and entity types are balanced; see ``data.splitting``. The same
    sentences give the same splits, in any order. All sentences are in memory.

    Args:
        sources: files and globs, in any format that a run reads.
        out: the new folder.
        data: format, columns and tag scheme of ``sources``.
        dev: the share of dev; 0: no dev.
        test: the share of test; 0: no test.
        target: format of the new files; None: that of ``sources``.
        overwrite: replace ``out``, if it has nothing but splits.
        log: receives how the sentences were split, the duplicates that could not be kept together, and types that are
            missing in a split.

    Raises:
        InputError: a file cannot be read, ``out`` exists or has other files, or a split would be empty.
    """
    shares = {name: share for name, share in (("dev", dev), ("test", test)) if share}
    _check_shares(shares, dev + test)
    corpus = Corpus(sources, data, log=log)
    target, suffix = _target(corpus, target)
    _check_out(out, corpus, overwrite)
    sentences = corpus.read()
    scheme = common_scheme(corpus.readings) or "iob2"
    if scheme not in ("iob2", "plain"):
        sentences = [replace(sentence, tags=tuple(to_scheme(sentence.tags or (), scheme))) for sentence in sentences]
    sizes = {name: round(share * len(sentences)) for name, share in shares.items()}
    assignment = assign_splits(sentences, sizes)
    splits = {name: [sentences[row] for row in assignment.rows(name)] for name in (TRAIN, *shares)}
    _log_assignment(assignment, splits, log)
    for name, split in splits.items():
        if not split:
            raise InputError(
                f"no sentence for {name}: {len(sentences):,} are too few, or too similar",
                location=", ".join(corpus.paths),
                hint="give more files, or another share",
            )
    _write(splits, out, target, suffix, scheme, keeps_comments=_formats(corpus) == {target}, log=log)
    result = FileSplits(
        {name: out / f"{name}{suffix}" for name in splits},
        {name: SplitCounts.of(split) for name, split in splits.items()},
    )
    for warning in result.warnings():
        log(warning)
    return result


def _ordered(totals: Counter[str]) -> list[tuple[str, int]]:
    """Return the types, the most frequent one first."""
    return sorted(totals.items(), key=lambda item: (-item[1], item[0]))


def _check_shares(shares: Mapping[str, float], total: float) -> None:
    for name, share in shares.items():
        if not 0 < share < 1:
            raise InputError(f"found {share:g}", location=Setting(name), expected="a share from 0 to 1, e.g. 0.1")
    if not shares or total >= 1:
        raise InputError(
            ("found ", Setting("dev"), " and ", Setting("test"), f" of {total:g} in all"),
            expected="more than 0 and less than 1",
        )


def _formats(corpus: Corpus) -> set[str]:
    return {format_of(path, corpus.data) for path in corpus.files}


def _target(corpus: Corpus, target: str | None) -> tuple[str, str]:
    """Return the format and the suffix of the new files."""
    formats = _formats(corpus)
    if target is None and (len(formats) > 1 or not FORMATS[min(formats)].is_writable):
        raise InputError(
            f"found files of the format {', '.join(sorted(formats))}",
            location=Setting("target"),
            expected=f"the format of the new files, one of {', '.join(writable_formats())}",
        )
    target = target or min(formats)
    suffix = corpus.files[0].suffix.lower()
    return target, suffix if suffix in FORMATS[target].suffixes else FORMATS[target].suffixes[0]


def _check_out(out: Path, corpus: Corpus, overwrite: bool) -> None:
    """Check that ``out`` is new or empty or, to be replaced, that it has nothing but splits that are not read.

    Raises:
        InputError: it is not.
    """
    location = str(out)
    if out.exists() and not out.is_dir():
        raise InputError("is not a folder", location=location, hint="give the name of a new folder")
    files = list(out.iterdir()) if out.exists() else []
    foreign = [path.name for path in files if path.name.partition(".")[0] not in (TRAIN, "dev", "test")]
    if foreign:
        raise InputError(f"has other files ({', '.join(foreign[:3])})", location=location, hint="give a new folder")
    if files and not overwrite:
        raise InputError("exists already", location=location, hint=("give another name, or ", Setting("overwrite")))
    if {path.resolve() for path in files} & {path.resolve() for path in corpus.files}:
        raise InputError("has files that are read", location=location, hint="give a new folder")


def _log_assignment(
    assignment: Assignment, splits: Mapping[str, Sequence[Sentence]], log: Callable[[str], None]
) -> None:
    if assignment.by_document:
        log(f"split by document ({assignment.documents:,} documents)")
    elif assignment.documents:
        log(f"split by sentence: {assignment.documents:,} documents are too few, or too long, to be kept together")
    for size in sorted(assignment.too_large, reverse=True)[:3]:
        kind = "documents or similar sentences" if assignment.by_document else "similar sentences"
        log(f"train: a group of {size:,} sentences ({kind}) is larger than dev and test")
    for name, split in splits.items():
        duplicates = [] if name == TRAIN else find_duplicates(split, splits[TRAIN])
        exact = sum(duplicate.is_exact for duplicate in duplicates)
        if duplicates:
            near = f", {len(duplicates) - exact:,} more nearly" if len(duplicates) > exact else ""
            log(
                f"duplicates: {exact:,} of {len(split):,} {name} sentences also occur in train{near} "
                "(sentences that many documents share)"
            )


def _write(
    splits: Mapping[str, Sequence[Sentence]],
    out: Path,
    target: str,
    suffix: str,
    scheme: Scheme,
    *,
    keeps_comments: bool,
    log: Callable[[str], None],
) -> None:
    """Write all files, or none."""
    every = [sentence for split in splits.values() for sentence in split]
    context = WriteContext(
        scheme,
        comments=keeps_comments,
        has_ids=any(sentence.id is not None for sentence in every),
        has_texts=any(sentence.text is not None for sentence in every),
    )
    with whole_folder(out.absolute()) as folder:
        for name, split in splits.items():
            write_gold(split, folder / f"{name}{suffix}", target, context)
    documents = sum(sentence.document is not None for sentence in every)
    if documents and target not in _HOLD_DOCUMENTS:
        context.lost["documents"] += documents
    for kind, count in context.lost.items():
        log(f"not stored in {target}: {kind} ({count:,} sentence{'s' * (count > 1)})")
