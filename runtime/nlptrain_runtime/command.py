"""``nlptrain-tag``: tag raw text, one text per line, and write JSON Lines."""

from __future__ import annotations

# Other modules are imported after `main` has set the signal handlers.
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator
    from typing import NoReturn

_DESCRIPTION = """\
Tag raw text, one text per line, with a tagger exported by nlptrain.

reads    FOLDER; FILES, or standard input; UTF-8
writes   one JSON object per line, also for blank lines, to standard output:
         {"text", "entities": [{"start", "end", "label", "text", "confidence"}]}
         or, for plain tags, {"text", "words": [{..., "tag", "confidence"}]};
         offsets count code points
"""


class _InputError(Exception):
    """Invalid input; the message is one line."""


class _OutputError(Exception):
    """Standard output cannot be written."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit code, 2 for invalid input."""
    if arguments is None:
        try:
            from nlptrain_runtime.signals import exit_at_signals

            exit_at_signals()
        except KeyboardInterrupt:
            return 130
    from nlptrain_runtime.errors import FolderError
    from nlptrain_runtime.text_stream import NotUTF8

    try:
        _tag(_parser().parse_args(arguments))
    except (FolderError, NotUTF8, _InputError) as error:
        _print_error(str(error))
        return 2
    except BrokenPipeError:  # the reader has closed the pipe
        _discard(1)
        return 0
    except _OutputError as error:
        _print_error(f"standard output: {error}")
        _discard(1)
        return 2
    return 0


def _print_error(message: str) -> None:
    from nlptrain_runtime.errors import message_line

    if sys.stderr is not None:  # with None, print would write to standard output
        try:
            print(f"error: {message_line(message)}", file=sys.stderr, flush=True)
        except OSError:
            _discard(2)


def _discard(stream: int) -> None:
    """Redirect the stream to the null device: Python flushes the rest at exit, and would fail."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    except OSError:
        pass


def _parser() -> argparse.ArgumentParser:
    import argparse

    from nlptrain_runtime import __version__
    from nlptrain_runtime.text_stream import BLOCK_TEXTS

    class Parser(argparse.ArgumentParser):
        def error(self, message: str) -> NoReturn:
            _print_error(message)
            self.exit(2)

        def _print_message(self, message: str, file: object = None) -> None:  # help and version
            if sys.stdout is not None:
                _write(message.encode(), flush=True)

    parser = Parser("nlptrain-tag", description=_DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER", help="written by nlptrain export")
    parser.add_argument("files", metavar="FILE", nargs="*", help="text files; default: standard input")
    parser.add_argument("--threads", type=_count, default=1, metavar="N", help="CPU threads (default: 1)")
    parser.add_argument("--precision", choices=["fp32", "fp16", "int8"], help="of the model (default: the smallest)")
    parser.add_argument(
        "--min-confidence", type=_share, metavar="P", help="omit entities below it; plain tags become null"
    )
    parser.add_argument(
        "--block",
        type=_count,
        default=BLOCK_TEXTS,
        metavar="N",
        help=f"lines read before the first result is written (default: {BLOCK_TEXTS}; a terminal: 1)",
    )
    parser.add_argument("--version", action="version", version=f"nlptrain-tag {__version__}")
    return parser


def _tag(options: argparse.Namespace) -> None:
    import json

    from nlptrain_runtime.tagger import Tagger

    for stream, name in ((sys.stdin, "standard input"), (sys.stdout, "standard output")):
        if stream is None and not (options.files and name == "standard input"):
            raise _InputError(f"{name}: is closed")
    tagger = Tagger(
        options.folder, threads=options.threads, precision=options.precision, min_confidence=options.min_confidence
    )
    block = 1 if not options.files and sys.stdin.isatty() else options.block
    for prediction in tagger.stream(_lines(options.files), block=block):
        _write((json.dumps(prediction, ensure_ascii=False) + "\n").encode("utf-8", "surrogatepass"), flush=block == 1)
    _write(b"", flush=True)


def _write(line: bytes, *, flush: bool) -> None:
    try:
        sys.stdout.buffer.write(line)
        if flush:
            sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _OutputError(error.strerror) from error


def _lines(files: Iterable[str]) -> Iterator[str]:
    from contextlib import nullcontext

    from nlptrain_runtime.text_stream import NotUTF8, decode_lines

    for name in files or ["-"]:
        label = "standard input" if name == "-" else name
        try:
            with nullcontext(sys.stdin.buffer) if name == "-" else open(name, "rb") as file:
                yield from decode_lines(file, label)
        except NotUTF8:
            raise
        except (OSError, ValueError) as error:  # ValueError: a name with a NUL
            raise _InputError(f"{label}: {getattr(error, 'strerror', None) or error}") from error


def _count(text: str) -> int:
    from argparse import ArgumentTypeError

    if not (text.isdecimal() and len(text) < 10 and int(text) >= 1):
        raise ArgumentTypeError(f"found {text}; expected a whole number from 1")
    return int(text)


def _share(text: str) -> float:
    from argparse import ArgumentTypeError

    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"found {text}; expected a number from 0 to 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
