"""Configurations, arguments and names that are hostile: an error of one line each, and nothing but text on a terminal."""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import example
from hypothesis import strategies as st

from nlptrain import COMMANDS, load_config
from nlptrain.cli.main import main
from nlptrain.cli.tables import print_comparison
from nlptrain.errors import InputError
from nlptrain.insight.comparison import Row
from tests.helpers.fuzzing import bounded, fuzz

CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
LONGEST = 520
ODD = [
    "\x1b[31mred\x1b[0m",
    "\x9b31m",
    "\u202egnp.exe",
    "a\nerror: all is well",
    "\x07\x08\r",
    "\u2028",
    "[red]x[/red]",
    ":house:",
]

plain = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
odd = st.one_of(
    plain,
    st.sampled_from(ODD),
    st.builds(lambda c, n: c * n, st.sampled_from("ab.[{-\x1b\u202e9"), st.integers(1, 3000)),
)


def keys() -> list[str]:
    """The dotted keys of all commands."""
    from nlptrain.config.schema import keys as keys_of

    return sorted({key.name for model in COMMANDS.values() for key in keys_of(model)})


KEYS = keys()
scalars = st.one_of(
    st.sampled_from(
        "null true 0 -1 1 3 0.5 1e-4 1e999 -.inf .nan ~ '' none auto all random teacher tagger transformer subword pooled word "
        "lstm gru idcnn softmax crf kl mse hard soft $ $$ ${HOME} ${NOWHERE} ${NOWHERE:-x} ${ x.conll hub:a/b:c package:x/y "
        "package:__main__/x ~nobody/x /dev/null . .. * ** [ !!binary =1 2020-01-01 0x10 0o7 1_000 1:30 <<".split()
    ),
    st.integers().map(str),
    st.integers(0, 5000).map(lambda n: "9" * n),
    st.floats().map(str),
    odd,
)
tags = st.sampled_from(
    [""] * 8
    + "!!str !!int !!float !!bool !!null !!map !!seq !!set !!omap !!pairs !!binary !!timestamp !!merge !!value !x !".split()
    + ["!!python/object/apply:os.system", "!!python/name:os.system", "!!python/tuple", "!<tag:yaml.org,2002:int>"]
)
quotes = st.sampled_from(["", "", "", "'", '"'])
escapes = st.sampled_from([r"\0", r"\x1b", r"\ud800", r"\U0010ffff", r"\UFFFFFFFF", r"\u202e", r"\n", r"\q"])


def scalar(tag: str, quote: str, text: str, anchor: str) -> str:
    return f"{tag} {anchor} {quote}{text}{quote}".strip()


anchors = st.sampled_from([""] * 6 + ["&a", "&b", "&c"])
leaf = st.one_of(
    st.builds(scalar, tags, quotes, scalars, anchors),
    st.builds(lambda text, more: f'"{text}{more}"', escapes, plain),
    st.sampled_from(["*a", "*b", "*c"]),
)
names = st.one_of(st.sampled_from([part for key in KEYS for part in key.split(".")]), st.sampled_from(KEYS), leaf)
flow = st.recursive(
    leaf,
    lambda inner: st.one_of(
        st.builds(
            lambda tag, anchor, parts: f"{tag} {anchor} [{', '.join(parts)}]",
            tags,
            anchors,
            st.lists(inner, max_size=4),
        ),
        st.builds(
            lambda tag, anchor, pairs: f"{tag} {anchor} {{{', '.join(f'{key}: {value}' for key, value in pairs)}}}",
            tags,
            anchors,
            st.lists(st.tuples(st.one_of(names, inner), inner), max_size=4),
        ),
    ),
    max_leaves=8,
)


def nested(key: str, value: str) -> str:
    *above, last = key.split(".")
    return "".join(f"{part}: {{" for part in above) + f"{last}: {value}" + "}" * len(above)


settings = st.builds(nested, st.sampled_from(KEYS), flow)
lines = st.one_of(
    settings,
    settings,
    st.builds("{}: {}".format, names, flow),
    st.builds("? {}\n: {}".format, flow, flow),
    st.sampled_from(
        [
            "---",
            "...",
            "%YAML 1.1",
            "# x",
            "\t",
            "base: nowhere.yaml",
            "base: c.yaml",
            "<<: *a",
            "- x",
            "\x00",
            "\ufeff",
        ]
    ),
)
texts = st.one_of(
    st.lists(lines, max_size=8).map("\n".join),
    flow,
    st.builds(
        lambda mark, n: mark * n,
        st.sampled_from(["[", "{", "a: [", "- ", "? ", "a: {", "[*a,", "&a [", "!!str ", '"', "\n "]),
        st.integers(1, 4000),
    ),
    st.builds(
        lambda n: "a: &a0 [x]\n" + "".join(f"b{i}: &a{i + 1} [{', '.join([f'*a{i}'] * 9)}]\n" for i in range(n)),
        st.integers(2, 12),
    ),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("config")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        yield path


def check_message(error: InputError) -> None:
    for line in str(error).split("\n"):
        assert len(line) <= LONGEST
        assert not CONTROLS.search(line), line
        assert line.strip()


def load(command: str, path: Path | None, given: list[str]) -> None:
    try:
        load_config(COMMANDS[command], path, given, check_files=False)
    except InputError as error:
        check_message(error)
        raise


def run(*arguments: str, surface: str, **more: Any) -> None:
    """Run the command line on ``arguments``; what it prints is printable text of bounded length."""
    with bounded(surface=surface):
        result = CliRunner().invoke(main, list(arguments), prog_name="nlptrain", **more)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in (0, 1, 2), result.exit_code
    for line in result.output.split("\n"):
        assert not CONTROLS.search(line), line
    for line in result.stderr.split("\n"):
        assert len(line) <= LONGEST, line


@pytest.mark.parametrize("command", sorted(COMMANDS))
@fuzz(texts)
@example("&a [*a]")
@example("data: &a {train: *a}")
@example('"\\UFFFFFFFF"')
@example("? [a]\n: b")
@example("data: {train: !!binary eA==}")
@example("data: {train: !!set {a, b}}")
@example("seed: !!int ''")
@example("precision: !!bool x")
@example("objective: 5\nteacher: x")
@example('output_dir: "\\ud800"')
@example("train: 5\nstudent: 3\ntrain.steps: 2")
@example("'a.b.c': 1\na: 2")
@example("output_dir: " + "${a:-" * 4000)
@example("x: 1\n" * 2)
def test_a_file(folder: Path, command: str, text: str) -> None:
    path = folder / "c.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with bounded(InputError, surface="YAML files"):
        load(command, path, [])


@fuzz(st.binary(max_size=200))
@example(b"\xff\xfea\x00")
def test_bytes(folder: Path, content: bytes) -> None:
    path = folder / "c.yaml"
    path.write_bytes(content)
    with bounded(InputError, surface="YAML bytes"):
        load("tagger", path, [])


set_keys = st.one_of(
    st.sampled_from(KEYS), st.sampled_from(["", ".", "a..b", "data.train.0", "seed.x", "a." * 3000]), odd
)


@fuzz(st.sampled_from(sorted(COMMANDS)), st.lists(st.builds("{}={}".format, set_keys, flow) | odd, max_size=4))
@example("tagger", ["." * 60_000 + "a=1"])
@example("tagger", ["a." * 60_000 + "a=1"])
@example("tagger", ["student=3", "student.embedder.init=random"])
@example("tagger", ["seed=\udcff"])
@example("tagger", ["student=5", "train.steps=1", "train.epochs=2"])
def test_settings(command: str, given: list[str]) -> None:
    with bounded(InputError, surface="--set"):
        load(command, None, given)


@fuzz(
    st.one_of(texts, st.lists(settings, min_size=2, max_size=5).map("\n".join)),
    st.lists(st.builds("{}={}".format, set_keys, flow), max_size=1),
    share=0.5,
)
def test_config_show(folder: Path, text: str, given: list[str]) -> None:
    (folder / "c.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    run("config", "show", "c.yaml", *[word for one in given for word in ("--set", one)], surface="config show")


arguments = st.lists(
    st.one_of(
        odd,
        st.sampled_from(
            "tagger tagger_kd transformer_token pseudo_label compare convert card config show init schema doctor alignment run predict "
            "evaluate completion --set --output-dir --train --seed --device --json --dry-run -h --help --jobs --format".split()
        ),
        odd.map("--{}".format),
        st.builds("{}={}".format, st.sampled_from(KEYS), odd),
    ),
    min_size=1,
    max_size=5,
)


@fuzz(arguments, share=0.5)
@example(["\x1b[31m"])
@example(["tagger", "c.yaml", "\x1b[31m"])
@example(["compare", "x\ny"])
@example(["config", "init", "\x1b]0;x\x07"])
@example(["tagger", "--set", "x" * 5000])
@example(["convert", "\u202ea.conll", "b.jsonl"])
def test_arguments(folder: Path, given: list[str]) -> None:
    run(*(one.replace("\0", "") for one in given), surface="arguments", input="")


@fuzz(st.lists(odd, max_size=4), st.integers(0, 5), share=0.5)
def test_completion(given: list[str], word: int) -> None:
    said = {"_NLPTRAIN_COMPLETE": "bash_complete", "COMP_WORDS": "nlptrain " + " ".join(given), "COMP_CWORD": str(word)}
    run(surface="completion", env={key: value.replace("\0", "") for key, value in said.items()})


@fuzz(st.lists(odd, min_size=1, max_size=4), odd, odd, share=0.5)
@example(["[red]B[/red]", "[/]", "[link=x]"], "[bold]x", ":house:")
def test_tables(types: list[str], name: str, table: str) -> None:
    each = {one: {"f1": 0.5} for one in types}
    scores = {
        "dev": {"metric": "f1", "f1": 0.5, "types": each},
        "parameters": 1,
        "bytes": 1,
        "steps": 1,
        "table": table,
    }
    rows = [Row(**_row(name, scores))]
    out = io.StringIO()
    with bounded(surface="tables"), contextlib.redirect_stdout(out):
        print_comparison(rows, 0.5)
    printed = out.getvalue()
    assert not CONTROLS.search(printed), printed
    for one in types:
        if one.isascii() and one.isprintable() and len(one) < 40 and one == one.strip():
            assert one in printed  # no markup was taken from it


def _row(name: str, scores: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": name,
        "command": "tagger",
        "split": "dev",
        "folders": (Path(name),),
        "scores": json.loads(json.dumps(scores)),
        "words_per_second": 0.0,
    }
