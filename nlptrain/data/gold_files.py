"""Gold files: their sentences with tags in IOB2, or plain tags, whatever the spelling and the scheme of each file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from nlptrain.config.data import DataConfig
from nlptrain.data.formats.registry import read_gold, tag_names
from nlptrain.data.read_report import ReadReport
from nlptrain.data.sentence import Sentence
from nlptrain.data.tag_reading import TagEvidence, TagReading
from nlptrain.data.tag_schemes import SCHEME_NAMES, list_names
from nlptrain.data.tag_spellings import WITHOUT_TYPE
from nlptrain.data.text_files import is_utf16
from nlptrain.errors import InputError, Problem
from nlptrain_runtime.schemes import Scheme

_LONG = 1000  # words of a sentence that are suspicious
_IN_MEMORY, _PACKED = 2**22, 8  # bytes of a file whose sentences are kept, and the factor of compressed files
_COMPRESSED = (".gz", ".parquet", ".pq", ".spacy")


def read_gold_file(
    path: Path, data: DataConfig, report: ReadReport, readings: dict[Path, TagReading], *, keep: bool = False
) -> Iterator[Sentence]:
    """Yield the sentences of a gold file, with tags in IOB2 or plain tags.

    The scheme depends on all tags of the file. A long file is read twice, so that its sentences are not kept.

    Args:
        path: the file.
        data: its format and scheme.
        report: receives what is repaired and skipped.
        readings: receives how the tags of the file are read; if it has the file, that reading is used.
        keep: read the file once, and keep its sentences.

    Raises:
        InputError: the file cannot be read, its tags are neither entities nor plain tags, all its entities are lost,
            or it has no sentence.
    """
    mentions = Counter(report.mentions)
    size = path.stat().st_size * (_PACKED if path.suffix.lower() in _COMPRESSED else 1)
    sentences = list(read_gold(path, data, report)) if keep or size <= _IN_MEMORY else None
    if path not in readings:
        evidence = TagEvidence()
        for sentence in read_gold(path, data, ReadReport()) if sentences is None else sentences:
            evidence.add(sentence.tags or ())
        names = tag_names(data)
        readings[path] = evidence.reading(data.scheme, entity_type=data.entity_type, names=names, location=str(path))
    reading = readings[path]
    if is_utf16(path):
        report.note(f"{path}: UTF-16, converted")
    if reading.spelling is not None and reading.spelling.name:
        key = f" (data.entity_type: {data.entity_type})" if reading.spelling.name == WITHOUT_TYPE else ""
        report.note(f"{path}: tags in {reading.describe()}, converted to B-TYPE, I-TYPE and O{key}")
    if similar := reading.similar_types():
        report.note(f"{path}: types that differ only in case: {list_names(similar)}")
    count = longest = 0
    for sentence in read_gold(path, data, report) if sentences is None else sentences:
        converted = reading.convert(sentence, report)
        if converted is not None:
            count += 1
            report.sentences += 1
            longest = max(longest, len(converted.words))
            yield converted
    _check_mentions(path, report.mentions - mentions)
    if longest > _LONG:
        report.note(f"{path}: a sentence of {longest:,} words; check that a blank line or an id separates sentences")
    if not count and not (report.is_strict and report.causes):
        raise _no_sentence(path, report)


def _check_mentions(path: Path, mentions: Counter[str]) -> None:
    """Check that not all entities of a file are lost.

    Raises:
        InputError: they are.
    """
    if mentions["lost"] and not mentions.total() - mentions["lost"]:
        raise InputError(
            f"found none of the {mentions['lost']:,} entities in their texts",
            location=str(path),
            expected="offsets in characters, or texts that occur",
        )


def _no_sentence(path: Path, report: ReadReport) -> InputError:
    skipped = [cause for cause in report.causes if cause.action == "skipped"]
    reasons = [f"{count:,} texts {reason}" for reason, count in report.omitted.items()]
    reasons += [f"{cause.count:,} skipped: {cause.text}" for cause in skipped]
    summary = f" ({', '.join(reasons)})" if reasons else ""
    return InputError(
        Problem(f"found no sentence{summary}", str(path), expected="at least one"),
        *(problem for cause in skipped for problem in cause.problems[:1]),
    )


def common_scheme(readings: Mapping[Path, TagReading]) -> Scheme | None:
    """Return the scheme of files that have tags of one task: that of all of them, or IOB2; None without evidence.

    Raises:
        InputError: some files have entities and others plain tags.
    """
    certain = {path: reading.scheme for path, reading in readings.items() if reading.has_evidence}
    plain = [path for path, scheme in certain.items() if scheme == "plain"]
    entities = [path for path in certain if path not in plain]
    if plain and entities:
        raise InputError(
            "found plain tags",
            location=str(plain[0]),
            expected=f"{SCHEME_NAMES[certain[entities[0]]]} tags, as in {entities[0]}",
            hint="give files of one task",
        )
    schemes = set(certain.values())
    return None if not schemes else next(iter(schemes)) if len(schemes) == 1 else "iob2"


def describe_readings(readings: Mapping[str, Mapping[Path, TagReading]], target: Scheme) -> str:
    """Describe the schemes of the files of each split, for the log.

    Example:
        >>> iob1, iob2 = (TagEvidence([tags]).reading("auto") for tags in (["I-A", "O"], ["B-A", "O"]))
        >>> describe_readings({"train": {Path("a"): iob1}, "dev": {Path("b"): iob1}, "test": {Path("c"): iob2}}, "iob2")
        'tag scheme: IOB1 in train and dev, IOB2 in test, converted to IOB2 (data.scheme)'
    """
    locations: dict[str, list[str]] = {}
    has_evidence = any(reading.has_evidence for files in readings.values() for reading in files.values())
    for split, files in readings.items():
        certain = {path: reading for path, reading in files.items() if reading.has_evidence or not has_evidence}
        descriptions = {reading.describe() for reading in certain.values()}
        for path, reading in certain.items():
            names = locations.setdefault(reading.describe(), [])
            location = split if len(descriptions) == 1 and split else str(path)
            if location not in names:
                names.append(location)
    if len(locations) == 1:
        summary = next(iter(locations))
    else:
        summary = ", ".join(f"{description} in {_join(names)}" for description, names in locations.items())
    conversion = "" if list(locations) == [SCHEME_NAMES[target]] else f", converted to {SCHEME_NAMES[target]}"
    return f"tag scheme: {summary}{conversion} (data.scheme)"


def _join(names: list[str]) -> str:
    return " and ".join(names) if len(names) <= 3 else list_names(names)
