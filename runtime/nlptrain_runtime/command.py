"""``nlptrain-tag``: raw text, a line at a time, to JSON Lines."""

from __future__ import annotations

# Nothing else is imported before `main` handles signals.
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator
    from typing import NoReturn

_STORY = """\
Tags raw text, a line at a time, with a tagger that nlptrain exported.

reads    FOLDER; FILES, or standard input; UTF-8
writes   one JSON object for each line, blank ones too, to standard output:
         {"text", "entities": [{"start", "end", "label", "text", "confidence"}]}
         or, for plain tags, {"text", "words": [{..., "tag", "confidence"}]};
         offsets count code points
"""


class _Fault(Exception):
    """Something that is the user's to mend; one line."""


class _NotWritten(Exception):
    """What was to be written could not be."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit code is 2 for what is the user's to mend."""
    if arguments is None:
        try:
            from nlptrain_runtime.signals import end_by_signals

            end_by_signals()
        except KeyboardInterrupt:
            return 130
    from nlptrain_runtime.errors import FolderError
    from nlptrain_runtime.text_stream import NotUTF8

    try:
        _tag(_parser().parse_args(arguments))
    except (FolderError, NotUTF8, _Fault) as error:
        _complain(str(error))
        return 2
    except BrokenPipeError:  # the reader has closed the pipe
        _discard(1)
        return 0
    except _NotWritten as error:
        _complain(f"standard output: {error}")
        _discard(1)
        return 2
    return 0


def _complain(fault: str) -> None:
    from nlptrain_runtime.errors import message_line

    if sys.stderr is not None:  # None, print would take standard output
        try:
            print(f"error: {message_line(fault)}", file=sys.stderr, flush=True)
        except OSError:
            _discard(2)


def _discard(stream: int) -> None:
    """Let go nowhere what is left for Python to write when it ends, and to fail at."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    except OSError:
        pass


def _parser() -> argparse.ArgumentParser:
    import argparse

    from nlptrain_runtime import __version__
    from nlptrain_runtime.text_stream import TEXTS

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            _complain(message)
            self.exit(2)

        def _print_message(self, message: str, file: object = None) -> None:  # help and version
            if sys.stdout is not None:
                _write(message.encode(), flush=True)

    parser = Parser("nlptrain-tag", description=_STORY, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER", help="what nlptrain export wrote")
    parser.add_argument("files", metavar="FILE", nargs="*", help="text files; default: standard input")
    parser.add_argument("--threads", type=_count, default=1, metavar="N", help="CPU threads (default: 1)")
    parser.add_argument("--precision", choices=["fp32", "fp16", "int8"], help="of the net, where there are several")
    parser.add_argument(
        "--min-confidence", type=_share, metavar="P", help="leave out entities of a lower one; plain tags become null"
    )
    parser.add_argument(
        "--block",
        type=_count,
        default=TEXTS,
        metavar="N",
        help=f"lines that are read before the first is answered (default: {TEXTS}; a terminal: 1)",
    )
    parser.add_argument("--version", action="version", version=f"nlptrain-tag {__version__}")
    return parser


def _tag(given: argparse.Namespace) -> None:
    import json

    from nlptrain_runtime.tagger import Tagger

    for stream, name in ((sys.stdin, "standard input"), (sys.stdout, "standard output")):
        if stream is None and not (given.files and name == "standard input"):
            raise _Fault(f"{name}: is closed")
    tagger = Tagger(given.folder, threads=given.threads, precision=given.precision, min_confidence=given.min_confidence)
    block = 1 if not given.files and sys.stdin.isatty() else given.block
    for answer in tagger.stream(_lines(given.files), block=block):
        _write((json.dumps(answer, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass"), flush=block == 1)
    _write(b"", flush=True)


def _write(line: bytes, *, flush: bool) -> None:
    try:
        sys.stdout.buffer.write(line)
        if flush:
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _NotWritten(error.strerror) from error


def _lines(files: Iterable[str]) -> Iterator[str]:
    from contextlib import nullcontext

    from nlptrain_runtime.text_stream import NotUTF8, decoded

    for name in files or ["-"]:
        shown = "standard input" if name == "-" else name
        try:
            with nullcontext(sys.stdin.buffer) if name == "-" else open(name, "rb") as file:
                yield from decoded(file, shown)
        except NotUTF8:
            raise
        except (OSError, ValueError) as error:  # ValueError: a name with a NUL
            raise _Fault(f"{shown}: {getattr(error, 'strerror', None) or error}") from error


def _count(text: str) -> int:
    from argparse import ArgumentTypeError

    if not (text.isdecimal() and len(text) < 10 and int(text) >= 1):
        raise ArgumentTypeError(f"found {text}; must be a number from 1")
    return int(text)


def _share(text: str) -> float:
    from argparse import ArgumentTypeError

    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"found {text}; must be a number from 0 to 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
