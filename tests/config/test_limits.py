"""Configurations that are too large, too deep, of unknown types or not files end quickly in one short error."""

import os
from pathlib import Path

import pytest

from nlptrain.config import COMMANDS, load_config
from nlptrain.errors import InputError
from tests.helpers.fuzzing import try_input


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fault(text: str | None, *settings: str, command: str = "tagger") -> str:
    """Return the first line of the error of a configuration."""
    if text is not None:
        Path("c.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError) as caught, try_input(surface="limits"):
        load_config(COMMANDS[command], text and Path("c.yaml"), settings, check_files=False)
    lines = str(caught.value).split("\n")
    assert all(len(line) < 500 and line.isprintable() for line in lines)
    assert len(lines) <= 21
    return lines[0]


BOMB = "a: &a0 [x]\n" + "".join(f"b{n}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]\n" for n in range(12))
KEYS = "? " + "k" * 500_000 + "\n: {" + "".join(f"k{n}: 1, " for n in range(4_000)) + "}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "holds more than 10,000 keys and values, its aliases replaced"),
        ("- &a " + "x" * 400_000 + "\n- *a\n- *a", "holds more than 1,000,000 characters, its aliases replaced"),
        ("&a [*a]", "is nested more than 50 deep"),
        ("data: &a {train: *a}", "is nested more than 50 deep"),
        ("x: " + "[" * 100_000, "is nested more than 50 deep"),
        ("- " * 400_000, "is nested more than 50 deep"),
        ("- a\n" * 200_000, "holds more than 10,000 keys and values"),
        ("x" * 1_000_001, "has more than 1,000,000 bytes"),
        (KEYS, "has more than 1,000 characters"),
        (".".join("a" * 400) + ": 1", "more than 50 parts"),
        ("".join(f"k{n}: 1\n" for n in range(4_000)), "c.yaml: data: missing"),
        ("output_dir: " + "${a:-" * 150_000, "c.yaml: data: missing"),
        ("x: !!binary eA==", "c.yaml:1: found the tag '!!binary', which is not supported; remove it"),
        ("x: !!python/object/apply:os.system [ls]", "found the tag '!!python/object/apply:os.system'"),
        ("x: !!int ''", "found '', which is no !!int"),
        ("seed: " + "9" * 5_000, "expected a whole number of at most 18 digits"),
        ("? [a, b]\n: c", "found a list or a map as a key"),
        ("a: 1\n---\nb: 2", "c.yaml:2: found several documents"),
        ('x: "\\ud800"', "c.yaml:1: found the character U+D800"),
        ('x: "\\UFFFFFFFF"', "c.yaml: is no YAML"),
        ("x: 1\ny: \x1b", "c.yaml:2: found the character U+001B, which YAML forbids"),
        ('"\\e[31m\\n": 1', "c.yaml: data: missing"),
        (
            "data: {train: x}\noutput_dir: x\ntrain: {clip_norm: .inf}",
            "train.clip_norm: found inf; expected finite or 'auto'",
        ),
    ],
)
def test_hostile_files_are_errors(text: str, message: str) -> None:
    assert message in fault(text)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("." * 1_000 + "=1", "expected KEY=VALUE"),
        (".".join("a" * 60_000) + "=1", "more than 50 parts"),
        ("seed=\udcff", "found the character U+DCFF, which YAML forbids"),
        ("\udcff=1", "is not UTF-8"),
        ("seed=" + "x" * 100_000, "found 'xxx"),
        ("seed=" + "[" * 100_000, "is nested more than 50 deep"),
    ],
)
def test_hostile_settings_are_errors(setting: str, message: str) -> None:
    Path("x").touch()
    assert message in fault("data: {train: x}\noutput_dir: x\nstudent: {tokenizer: a/b}", setting)


def test_error_if_the_file_is_a_device_or_a_pipe() -> None:
    os.mkfifo("c.yaml")
    assert fault(None, "base=c.yaml")  # a key, here
    for path in (Path("c.yaml"), Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(InputError, match="is a device or a pipe"):
            load_config(COMMANDS["tagger"], path)
    with pytest.raises(InputError, match="cannot be read"):
        load_config(COMMANDS["tagger"], Path("x" * 5_000))


def test_a_file_descriptor_is_read() -> None:
    read, write = os.pipe()
    with os.fdopen(write, "w") as file:
        file.write("train: [1")
    with os.fdopen(read), pytest.raises(InputError, match=r"/dev/fd/\d+:1: expected ',' or ']'"):
        load_config(COMMANDS["tagger"], Path(f"/dev/fd/{read}"))


def test_the_chain_of_bases_is_limited() -> None:
    for index in range(1_000):
        Path(f"{index}.yaml").write_text(f"base: {index + 1}.yaml")
    with pytest.raises(InputError, match=r"^0.yaml: base: found a chain of more than 20 files$"):
        load_config(COMMANDS["tagger"], Path("0.yaml"))


def test_hostile_variables_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONG", "x" * 100_000)
    assert "more than 1,000,000 characters, its variables replaced" in fault("x: '" + "${LONG}" * 50_000 + "'")
    monkeypatch.setenv("ODD", "\udcff")
    assert "the variable ODD is not UTF-8" in fault("output_dir: ${ODD}")


def test_an_empty_map_keeps_the_origins_of_a_base(tmp_path: Path) -> None:
    Path("base.yaml").write_text("data: {train: x}\noutput_dir: y\nstudent: {tokenizer: a/b}\ntrain: {ema: 0.5}")
    Path("c.yaml").write_text("base: base.yaml\ntrain: {}")
    loaded = load_config(COMMANDS["tagger"], Path("c.yaml"), check_files=False)
    assert loaded.config.train.ema == 0.5
    assert loaded.origins["train.ema"] == "base base.yaml"


@pytest.mark.parametrize("reference", ["~nobody-of-that-name/x", "package:__main__/x", "x" * 5_000])
def test_an_impossible_model_reference_is_refused(reference: str) -> None:
    with pytest.raises(InputError) as caught:
        load_config(
            COMMANDS["tagger"], None, [], {"student.tokenizer": reference, "data.train": "t", "output_dir": "o"}
        )
    assert "student.tokenizer: " in str(caught.value)
