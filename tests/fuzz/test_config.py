"""Generated configurations, arguments and names end in an ``InputError`` at most, and print printable text."""

from __future__ import annotations

import contextlib
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import example
from hypothesis import strategies as st

from nlptrain import COMMANDS, load_config
from nlptrain.analysis.comparison import Row
from nlptrain.cli.main import main
from nlptrain.cli.output import print_comparison
from nlptrain.errors import InputError
from tests.helpers.fuzzing import MAX_LINE_LENGTH, UNPRINTABLE, fuzz, try_input

pytestmark = pytest.mark.slow

ODD_TEXTS = [
    *(
        "\x1b[31mred\x1b[0m",
        "\x9b31m",
        "\u202egnp.exe",
        "a\nerror: all is well",
        "\x07\x08\r",
        "\u2028",
        "[red]x[/red]",
    ),
    *(":house:", "[/]", "\ufeff", "é", "\U0001f600", "\u200d", "", " ", "%", "'", '"', "{", "a: b", "#", "-", "*", "&"),
]
SCALARS = (
    "null true 0 -1 1 3 0.5 1e-4 1e999 -.inf .nan ~ '' none auto all random teacher tagger transformer subword pooled "
    "word lstm gru idcnn softmax crf kl mse hard soft $ $$ ${HOME} ${NOWHERE} ${NOWHERE:-x} ${ x.conll hub:a/b:c "
    "package:x/y package:__main__/x ~nobody/x /dev/null . .. * ** [ =1 2020-01-01 0x10 0o7 1_000 1:30 <<"
).split()
TAGS = (
    "!!str !!int !!float !!bool !!null !!map !!seq !!set !!omap !!pairs !!binary !!timestamp !!merge !!value !x ! "
    "!!python/object/apply:os.system !!python/name:os.system !!python/tuple !<tag:yaml.org,2002:int>"
).split()
ESCAPES = [r"\0", r"\x1b", r"\ud800", r"\U0010ffff", r"\UFFFFFFFF", r"\u202e", r"\n", r"\q"]
LINES = [
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
REPEATED = ["[", "{", "a: [", "- ", "? ", "a: {", "[*a,", "&a [", "!!str ", '"', "\n ", "${a:-", "x"]
WORDS = (
    "tagger tagger_kd transformer_token pseudo_label compare convert card config show init schema doctor alignment run "
    "predict evaluate completion --set --output-dir --train --seed --device --json --dry-run -h --help --jobs --format"
).split()


def keys() -> list[str]:
    """Return the dotted keys of all commands."""
    from nlptrain.config.schema import keys as schema_keys

    return sorted({key.name for model in COMMANDS.values() for key in schema_keys(model)})


KEYS = keys()
PARTS = sorted({part for key in KEYS for part in key.split(".")})


class YamlGenerator(random.Random):
    """Generator of hostile YAML from a seed; hypothesis strategies for each part would take ten times as long."""

    def odd_text(self) -> str:
        kind = self.random()
        if kind < 0.6:
            return self.choice(ODD_TEXTS)
        if kind < 0.9:
            return "".join(
                map(
                    chr, self.choices([*range(1, 0x300), 0x202E, 0x2028, 0x4E2D, 0xFFFE, 0x1F600], k=self.randint(0, 8))
                )
            )
        return self.choice("ab.[{-\x1b\u202e9") * self.randint(1, 3_000)

    def scalar(self) -> str:
        kind = self.random()
        if kind < 0.7:
            return self.choice(SCALARS)
        if kind < 0.8:
            return self.choice([str(self.getrandbits(70)), "9" * self.randint(0, 5_000), str(self.uniform(-1e9, 1e9))])
        return self.odd_text()

    def leaf(self) -> str:
        kind = self.random()
        if kind < 0.1:
            return f"*{self.choice('abc')}"
        if kind < 0.2:
            return f'"{self.choice(ESCAPES)}{self.choice(SCALARS)}"'
        quote = self.choice(["", "", "", "'", '"'])
        return f"{self.tag_and_anchor()}{quote}{self.scalar()}{quote}"

    def tag_and_anchor(self) -> str:
        tag = f"{self.choice(TAGS)} " if self.random() < 0.15 else ""
        return f"{tag}&{self.choice('abc')} " if self.random() < 0.1 else tag

    def flow(self, depth: int = 0) -> str:
        if depth == 3 or self.random() < 0.6:
            return self.leaf()
        if self.random() < 0.4:
            return f"{self.tag_and_anchor()}[{', '.join(self.flow(depth + 1) for _ in range(self.randint(0, 3)))}]"
        pairs = (f"{self.key(depth)}: {self.flow(depth + 1)}" for _ in range(self.randint(0, 3)))
        return f"{self.tag_and_anchor()}{{{', '.join(pairs)}}}"

    def key(self, depth: int = 0) -> str:
        kind = self.random()
        return self.choice(PARTS) if kind < 0.6 else self.choice(KEYS) if kind < 0.8 else self.flow(depth + 1)

    def nested_key(self) -> str:
        *above, last = self.choice(KEYS).split(".")
        return "".join(f"{part}: {{" for part in above) + f"{last}: {self.flow()}" + "}" * len(above)

    def yaml_file(self) -> str:
        kind = self.random()
        if kind < 0.05:
            return self.choice(REPEATED) * self.randint(1, 2_000)
        if kind < 0.1:
            return "a: &a0 [x]\n" + "".join(
                f"b{n}: &a{n + 1} [{', '.join([f'*a{n}'] * self.randint(1, 9))}]\n" for n in range(self.randint(2, 12))
            )
        return "\n".join(self.file_line() for _ in range(self.randint(1, 6)))

    def file_line(self) -> str:
        kind = self.random()
        if kind < 0.6:
            return self.nested_key()
        if kind < 0.8:
            return f"{self.key()}: {self.flow()}"
        return f"? {self.flow()}\n: {self.flow()}" if kind < 0.9 else self.choice(LINES)

    def set_option(self) -> str:
        """Return a value of ``--set``."""
        kind = self.random()
        if kind < 0.1:
            return self.odd_text()
        if kind < 0.7:
            return f"{self.choice(KEYS)}={self.flow()}"
        key = self.choice(["", ".", "a..b", "data.train.0", "seed.x", "a." * 3_000, self.odd_text()])
        return f"{key}={self.flow()}"

    def argument(self) -> str:
        kind = self.random()
        if kind < 0.5:
            return self.choice(WORDS)
        odd = self.odd_text().replace("\0", "")
        return odd if kind < 0.75 else f"--{odd}" if kind < 0.85 else f"{self.choice(KEYS)}={odd}"


def generate(method: Callable[[YamlGenerator], Any]) -> st.SearchStrategy[Any]:
    """Strategy for what ``method`` returns."""
    return st.integers(0, 2**64 - 1).map(lambda seed: method(YamlGenerator(seed)))


def generate_lists(
    method: Callable[[YamlGenerator], str], min_size: int, max_size: int
) -> st.SearchStrategy[list[str]]:
    """Strategy for lists of what ``method`` returns."""
    return generate(lambda yaml: [method(yaml) for _ in range(yaml.randint(min_size, max_size))])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = tmp_path_factory.mktemp("config")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        yield path


def load(command: str, path: Path | None, settings: list[str]) -> None:
    load_config(COMMANDS[command], path, settings, check_files=False)


def run(*arguments: str, surface: str, **options: Any) -> None:
    """Run the command line on ``arguments`` and check that it prints printable text with short error lines."""
    with try_input(surface=surface):
        result = CliRunner().invoke(main, list(arguments), prog_name="nlptrain", **options)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in (0, 1, 2), result.exit_code
    for line in result.output.split("\n"):
        assert not UNPRINTABLE.search(line), line
    for line in result.stderr.split("\n"):
        assert len(line) <= MAX_LINE_LENGTH, line


@pytest.mark.parametrize("command", sorted(COMMANDS))
@fuzz(generate(YamlGenerator.yaml_file))
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
def test_generated_yaml_is_loaded_or_an_input_error(folder: Path, command: str, text: str) -> None:
    path = folder / "c.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with try_input(InputError, surface="YAML files"):
        load(command, path, [])


@fuzz(st.binary(max_size=200))
@example(b"\xff\xfea\x00")
def test_random_bytes_are_loaded_or_an_input_error(folder: Path, content: bytes) -> None:
    path = folder / "c.yaml"
    path.write_bytes(content)
    with try_input(InputError, surface="YAML bytes"):
        load("tagger", path, [])


@fuzz(st.sampled_from(sorted(COMMANDS)), generate_lists(YamlGenerator.set_option, 1, 3))
@example("tagger", ["." * 60_000 + "a=1"])
@example("tagger", ["a." * 60_000 + "a=1"])
@example("tagger", ["student=3", "student.embedder.init=random"])
@example("tagger", ["seed=\udcff"])
@example("tagger", ["student=5", "train.steps=1", "train.epochs=2"])
def test_set_options_are_loaded_or_an_input_error(command: str, settings: list[str]) -> None:
    with try_input(InputError, surface="--set"):
        load(command, None, settings)


@fuzz(generate(YamlGenerator.yaml_file), generate_lists(YamlGenerator.set_option, 0, 1), share=0.5)
def test_config_show_output_is_printable(folder: Path, text: str, settings: list[str]) -> None:
    (folder / "c.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    run(
        "config",
        "show",
        "c.yaml",
        *[word for setting in settings for word in ("--set", setting)],
        surface="config show",
    )


@fuzz(generate_lists(YamlGenerator.argument, 1, 5), share=0.5)
@example(["-\x1b"])
@example(["--", "-x"])
@example(["\x1b[31m"])
@example(["tagger", "c.yaml", "\x1b[31m"])
@example(["compare", "x\ny"])
@example(["config", "init", "\x1b]0;x\x07"])
@example(["tagger", "--set", "x" * 5000])
@example(["convert", "\u202ea.conll", "b.jsonl"])
def test_output_for_generated_arguments_is_printable(folder: Path, arguments: list[str]) -> None:
    run(*arguments, surface="arguments", input="")


@fuzz(generate_lists(YamlGenerator.odd_text, 0, 4), st.integers(0, 5), share=0.5)
def test_completion_output_is_printable(words: list[str], index: int) -> None:
    variables = {
        "_NLPTRAIN_COMPLETE": "bash_complete",
        "COMP_WORDS": "nlptrain " + " ".join(words),
        "COMP_CWORD": str(index),
    }
    run(surface="completion", env={key: value.replace("\0", "") for key, value in variables.items()})


@fuzz(
    generate_lists(YamlGenerator.odd_text, 1, 4),
    generate(YamlGenerator.odd_text),
    generate(YamlGenerator.odd_text),
    share=0.5,
)
@example(["[red]B[/red]", "[/]", "[link=x]"], "[bold]x", ":house:")
def test_tables_of_generated_names_are_printable(types: list[str], name: str, table: str) -> None:
    type_scores = {type_name: {"f1": 0.5} for type_name in types}
    scores = {
        "dev": {"metric": "f1", "f1": 0.5, "types": type_scores},
        "parameters": 1,
        "bytes": 1,
        "steps": 1,
        "table": table,
    }
    rows = [Row(**row_values(name, scores))]
    stdout = io.StringIO()
    with try_input(surface="tables"), contextlib.redirect_stdout(stdout):
        print_comparison(rows, 0.5)
    printed = stdout.getvalue()
    assert not UNPRINTABLE.search(printed), printed
    for type_name in types:
        is_plain = type_name.isascii() and type_name.isprintable() and type_name == type_name.strip()
        if is_plain and len(type_name) < 40:
            assert type_name in printed  # markup is not interpreted


def row_values(name: str, scores: dict[str, Any]) -> dict[str, Any]:
    return {
        "run": name,
        "command": "tagger",
        "split": "dev",
        "folders": (Path(name),),
        "scores": json.loads(json.dumps(scores)),
        "words_per_second": 0.0,
    }
