"""The commands ``doctor``: checks of data, and of a tokenizer on a text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nlptrain.cli.errors import SuggestingGroup
from nlptrain.cli.options import data_config, gold_options, key_option, option_names
from nlptrain.cli.output import add_row, echo_json, echo_line, new_table, print_table
from nlptrain.errors import InputError
from nlptrain.urls import redact
from nlptrain_runtime.errors import VALUE, shortened

if TYPE_CHECKING:
    from nlptrain.procedures.data_check import CheckedFile, DataReport

_MAX_FILES = 5  # of one kind that the table lists one by one
_YAML = (".yaml", ".yml")


@click.group(cls=SuggestingGroup)
def doctor() -> None:
    """Check models and data for problems."""


@doctor.command()
@click.argument("files", nargs=-1, metavar="FILES... | CONFIG")
@key_option("--dev", key="data.dev", multiple=True, metavar="FILES", help="Gold dev files.")
@key_option("--test", key="data.test", multiple=True, metavar="FILES", help="Gold test files.")
@key_option("--unlabeled", key="data.unlabeled", multiple=True, metavar="FILES", help="Files of raw text.")
@gold_options("FILES")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def data(
    files: tuple[str, ...],
    dev: tuple[str, ...],
    test: tuple[str, ...],
    unlabeled: tuple[str, ...],
    as_json: bool,
    **options: object,
) -> None:
    """Check data files before a training.

    \b
    Reads   FILES: gold files, globs or URLs, in any format that a run reads, checked as
            one set; with --dev, --test or --unlabeled, they are train. Or CONFIG: the
            YAML file of a run, whose data is checked; options override it.
    Writes  to standard output: the files with their formats and tag schemes; types with
            their number in each split, rare ones marked; sentences with the same words
            and other tags; exact and near duplicates between the splits and in the raw
            text; long sentences; how much dev and test differ from train; everything
            that was repaired or skipped, with its file and line; and what a run would
            refuse. No file is written.

    Exit code 0 if a run can use the files, 1 if it would refuse them. Files that cannot
    be read are reported, and the others are checked.

    Example: nlptrain doctor data train.conll --dev dev.conll --unlabeled raw.txt
    """  # noqa: D301 - click reads the character
    from nlptrain.procedures import check_data_files

    config = _config_of(files)
    paths = {"train": () if config else files, "dev": dev, "test": test, "unlabeled": unlabeled}
    given = {split: list(part) for split, part in paths.items() if part}
    if not config and not given:
        raise click.UsageError("Missing argument 'FILES... | CONFIG'.")
    settings = data_config(options, path=config, keys=given)
    is_run = config is not None or ("train" in given and (len(given) > 1 or settings.labels is not None))
    report = check_data_files(settings, is_run=is_run, has_teacher=config is not None and _has_teacher(config))
    if as_json:
        echo_json(report.to_json())
    else:
        names = option_names(click.get_current_context().command) | {"data.train": "FILES"}
        _print_report(report, lambda key: names.get(key, key) if config is None else key)
    if report.faults:
        raise click.exceptions.Exit(1)


def _config_of(files: Sequence[str]) -> Path | None:
    """Return the configuration among ``files``, if there is one.

    Raises:
        InputError: there are other files, too.
    """
    configs = [file for file in files if file.lower().endswith(_YAML)]
    if configs and len(files) > 1:
        raise InputError(
            f"found {len(files)} files, one of which is a configuration",
            location=configs[0],
            expected="one configuration, or gold files alone",
        )
    return Path(configs[0]) if configs else None


def _has_teacher(config: Path) -> bool:
    from nlptrain.config import command_of

    return command_of(config) in ("tagger_kd", "pseudo_label")


def _print_report(report: DataReport, name_of: Callable[[str], str]) -> None:
    has_splits = len({file.split for file in report.files}) > 1
    _print_files(report.files, has_splits=has_splits)
    for line in _notes(report):
        echo_line(f"note: {line}")
    _print_types(report, has_splits=has_splits)
    for line in report.check.describe():
        echo_line(line)
    for line in _describe_causes(report, name_of):
        echo_line(line)
    for fault in report.faults:
        echo_line(f"fault: {fault.render(name_of)}")
    echo_line("a run would refuse these files" if report.faults else "a run can use these files")


def _print_files(files: Sequence[CheckedFile], *, has_splits: bool) -> None:
    """Print a table of ``files``; of many of one kind, one row."""
    table = new_table()
    if has_splits:
        table.add_column("split", no_wrap=True)
    table.add_column("file", overflow="fold")
    table.add_column("format", no_wrap=True)
    for name in ("sentences", "words"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("tags", overflow="fold")
    kinds: dict[tuple[object, ...], list[CheckedFile]] = {}
    for file in files:
        kinds.setdefault((file.split, file.format, file.tags, file.is_read), []).append(file)
    for kind in kinds.values():
        for rows in [kind] if len(kind) > _MAX_FILES else [[file] for file in kind]:
            first = rows[0]
            sentences, words = (sum(getattr(row, name) for row in rows) for name in ("sentences", "words"))
            add_row(
                table,
                *([first.split] if has_splits else []),
                redact(first.path) + _more(rows),
                first.format or "",
                f"{sentences:,}" if sentences else "",
                f"{words:,}" if words else "",
                first.tags if first.is_read else "cannot be read",
            )
    print_table(table)


def _notes(report: DataReport) -> Iterator[str]:
    """Yield the notes, one for files with the same one, and the counts of the raw text."""
    paths = {file.path for file in report.files}
    files: dict[str, list[str]] = {}
    for note in report.notes:
        path, _, text = note.partition(": ")
        is_of_file = path in paths
        files.setdefault(text if is_of_file else note, []).append(path if is_of_file else "")
    for text, locations in files.items():
        yield f"{locations[0]}{_more(locations)}: {text}" if locations[0] else text
    if report.raw is not None:
        yield f"raw text: {report.raw.describe()}"


def _more(items: Sequence[object]) -> str:
    return f" and {len(items) - 1:,} more" if len(items) > 1 else ""


def _print_types(report: DataReport, *, has_splits: bool) -> None:
    """Print the number of entities, or of words with a plain tag, of each type in each split."""
    counts = report.check.counts
    names = {name: None for split in counts.values() for name, _ in sorted(split.types.items(), key=_by_count)}
    if not names:
        return
    table = new_table()
    table.add_column("type", overflow="fold")
    for split in counts:
        table.add_column(split if has_splits else "count", justify="right", no_wrap=True)
    table.add_column("")
    for name in names:
        frequencies = [split.types.get(name, 0) for split in counts.values()]
        remark = "rare" if name in report.check.rare_types else ""
        if "train" in counts and name not in counts["train"].types:
            remark = "not in train"
        add_row(table, shortened(name, VALUE), *(f"{count:,}" for count in frequencies), remark)
    print_table(table)


def _by_count(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _describe_causes(report: DataReport, name_of: Callable[[str], str]) -> Iterator[str]:
    """Yield how spans were found, the number of cases of each cause, and then all cases."""
    from nlptrain.data.read_report import describe_mentions

    for reason, count in report.omitted.items():
        yield f"omitted: {count:,} text{'s' * (count > 1)} {reason}"
    if report.mentions:
        yield describe_mentions(report.mentions)
    for cause in report.causes:
        yield f"{cause.action}: {cause.text}: {cause.count:,}"
    for cause in report.causes:
        yield ""
        yield f"{cause.text} ({cause.action}):"
        yield from (f"  {case}" for case in cause.cases(name_of))
    if report.causes:
        yield ""


@doctor.command()
@click.argument("teacher")
@click.argument("files", nargs=-1, required=True)
@click.option("--raw", is_flag=True, help="FILES are raw text, a sentence or a paragraph per line.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def alignment(teacher: str, files: tuple[str, ...], raw: bool, as_json: bool) -> None:
    """Show how a model's tokenizer splits a text.

    \b
    Reads   TEACHER: a model's folder, a run's, package:NAME/folder or a Hub name;
            FILES: gold files, or raw text with --raw.
    Writes  words without a subword, unknown words, subwords per word, the longest
            sentence and its windows, to standard output.

    Example: nlptrain doctor alignment runs/demo/transformer_token runs/demo/data/dev.conll
    """  # noqa: D301 - click reads the character
    from nlptrain.procedures import inspect_tokenization

    report = inspect_tokenization(teacher, files, raw=raw)
    if as_json:
        echo_json(report.to_json())
    else:
        for line in report.describe():
            echo_line(line)
