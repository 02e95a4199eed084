"""Refuse the words of ``scripts/words.yaml`` in docstrings, comments, messages, docs and names.

python -m scripts.check_words [--count] [PATH...]
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import subprocess
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

ROOT = Path(__file__).parents[1]
WORDS = Path(__file__).with_name("words.yaml")
SUFFIXES = (".py", ".md", ".toml", ".sh", ".yaml", ".html", ".css", ".js")
FILES = ("Makefile", ".ci/run")  # files without a suffix that are text of ours


class Words(NamedTuple):
    """The list, compiled."""

    prose: re.Pattern[str]
    names: re.Pattern[str]
    terms: dict[str, str]
    allowed: dict[str, list[re.Pattern[str]]]


class Hit(NamedTuple):
    """A refused word, where it is, and the term to use."""

    path: str
    line: int
    word: str
    term: str


def load_words(path: Path = WORDS) -> Words:
    """Read the list in ``path``."""
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Words(
        re.compile(rf"(?<![\w-])(?:{'|'.join(values['prose'])})(?![\w])", re.IGNORECASE),
        re.compile("|".join(values["names"])),
        {**values["prose"], **values["names"]},
        {name: [re.compile(word, re.IGNORECASE) for word in words] for name, words in (values["allow"] or {}).items()},
    )


def prose_of(source: str) -> Iterator[tuple[int, str]]:
    """Yield the comments of Python ``source``, its strings of several words and the names of its tests, with lines.

    A string of one word is a key or an identifier. An f-string is one string, with ``{}`` for each value.
    """
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    tree = ast.parse(source)
    formatted = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in formatted for part in node.values}
    strings = [(node.lineno, "".join(_text(part) for part in node.values)) for node in formatted]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            strings.append((node.lineno, node.value))
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            strings.append((node.lineno, node.name.replace("_", " ")))
    yield from ((line, text) for line, text in strings if " " in text.strip())


def _text(part: ast.expr) -> str:
    return part.value if isinstance(part, ast.Constant) and isinstance(part.value, str) else "{}"


def names_of(source: str) -> Iterator[tuple[int, str]]:
    """Yield the names that Python ``source`` defines, each with its line."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr
            case ast.alias(asname=str()):
                yield node.lineno, str(node.asname)


def hits_in(name: str, text: str, words: Words) -> Iterator[Hit]:
    """Yield the refused words of one file."""
    allowed = [pattern for key, patterns in words.allowed.items() if Path(name).match(key) for pattern in patterns]
    is_python = name.endswith(".py")
    for start, passage in prose_of(text) if is_python else [(1, text)]:
        for match in words.prose.finditer(passage):
            if not any(pattern.fullmatch(match[0]) for pattern in allowed):
                line = start + passage.count("\n", 0, match.start())
                yield Hit(name, line, match[0], _term(match[0], words))
    for line, defined in names_of(text) if is_python else ():
        if words.names.fullmatch(defined) and not any(pattern.fullmatch(defined) for pattern in allowed):
            yield Hit(name, line, f"{defined} (a name)", _term(defined, words))


def _term(word: str, words: Words) -> str:
    return next((term for pattern, term in words.terms.items() if re.fullmatch(pattern, word, re.IGNORECASE)), "?")


def files(paths: list[str]) -> Iterator[Path]:
    """Yield the files of the repository that hold code or text, or those of them under ``paths``."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *paths],
        cwd=ROOT,
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    if listed.returncode:
        sys.exit(f"error: git cannot list the files of {ROOT}: {listed.stderr.strip()}")
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if (path.suffix in SUFFIXES or name in FILES) and path != WORDS and path.is_file():
            yield path


def main() -> int:
    """Print each refused word, and return 1 if there is one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--count", action="store_true", help="print the number of words per file only")
    parser.add_argument("paths", nargs="*", help="files and folders (default: all)")
    arguments = parser.parse_args()
    words = load_words()
    hits = [
        hit
        for path in files(arguments.paths)
        for hit in hits_in(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"), words)
    ]
    if arguments.count:
        for name, count in Counter(hit.path for hit in hits).most_common():
            print(f"{count:6} {name}")
    else:
        for hit in hits:
            print(f"{hit.path}:{hit.line}: {hit.word}: write {hit.term}")
    print(f"{len(hits)} words of {WORDS.relative_to(ROOT)}", file=sys.stderr)
    return 1 if hits else 0


if __name__ == "__main__":
    sys.exit(main())
