"""The README and the pages in docs/: their commands run as written, and their configuration files are valid."""

import ast
import glob
import io
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import torch
import yaml
from click.testing import CliRunner

from nlptrain.cli.main import main
from nlptrain.config import COMMANDS, load_config
from nlptrain.config.schema import command_of
from tests.helpers.commands import write_configs
from tests.helpers.corpora import write_corpus

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
URL = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]["Repository"]
ALL_PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "README.md", *DOCS.rglob("*.md")]
    if "_build" not in path.relative_to(ROOT).parts
)
# Results of trainings that take hours: tests/test_pages.py checks their commands.
PAGES = [page for page in ALL_PAGES if not page.startswith("docs/results/")]
ARCHITECT = "docs/nlp-architect.md"
INSTALLS = ("pip install ", "git clone ")
PRETRAINED = "google-bert/bert-base-cased"
# Trainings of README and guide that take minutes, and what tiny models need instead.
SHORT = {
    'train={"steps": 700},': 'train={"steps": 40}, student={"embedder": {"dim": 16}},',
    'train={"steps": 3000},': 'train={"steps": 40}, student={"embedder": {"dim": 16}}, augment="none",',
    'train={"epochs": 6},': 'train={"epochs": 6, "learning_rate": 0.005},',
}
SMALL = {
    "transformer_token": ["train.epochs=6", "train.learning_rate=0.005"],
    "tagger": ["train.steps=40", "train.eval_every=20", "student.embedder.dim=16"],
    "tagger_kd": ["train.steps=40", "train.eval_every=20", "student.embedder.dim=16", "augment=none"],
    "pseudo_label": ["train.steps=40", "train.eval_every=20", "student.embedder.dim=16", "augment=none"],
}


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL)


def steps(page: str) -> Iterator[tuple[str, str]]:
    """Yield each command line and each program of ``page``, in order, with its language."""
    for language, block in re.findall(r"^```(sh|python)\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL):
        if language == "python":
            yield language, block
        else:
            for line in block.replace("\\\n", " ").split("\n"):
                if line.strip() and line[0] != "#":
                    yield language, line


@pytest.fixture(scope="module")
def finished_demo(tmp_path_factory: pytest.TempPathFactory, tiny_bert: Path) -> Path:
    """Write a folder with gold files, raw text, the demo's configurations and two of its runs, of tiny models."""
    folder = tmp_path_factory.mktemp("reader")
    write_corpus(folder)
    for name, path in write_configs(folder, tiny_bert).items():
        values = yaml.safe_load(path.read_text())
        path.unlink()
        values["output_dir"] = f"runs/demo/{name}"
        values["data"] = {key: Path(file).name for key, file in values["data"].items()}
        if "teacher" in values:
            values["teacher"] = "runs/demo/transformer_token"
        target = folder / "configs/demo" / f"{name}.yaml"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(yaml.safe_dump(values))
    (folder / "runs/demo/data").mkdir(parents=True)
    for source, name in (("train.conll", "train.conll"), ("dev.conll", "dev.conll"), ("raw.txt", "unlabeled.txt")):
        shutil.copy(folder / source, folder / "runs/demo/data" / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("transformer_token", "tagger_kd"):
            assert CliRunner().invoke(main, [name, f"configs/demo/{name}.yaml"]).exit_code == 0
    return folder


@pytest.fixture
def reader(finished_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forked_commands: None) -> Path:
    folder = tmp_path / "reader"
    shutil.copytree(finished_demo, folder)
    (folder / "raw").mkdir()
    shutil.copy(folder / "raw.txt", folder / "raw/raw.txt")
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(folder)
    for name, short in (("_SECONDS", 0.05), ("_LATENCY_SECONDS", 0.1), ("_COLD_STARTS", 1)):
        monkeypatch.setattr(f"nlptrain.deployment.benchmark.{name}", short)
    # Fresh processes of torch take seconds each; tests/deployment has them.
    monkeypatch.setattr("nlptrain.deployment.benchmark.Candidate.run_in_process", lambda self, texts: (0.5, len(texts)))
    for name in ("_LABELING_SECONDS", "_TRAINING_SECONDS"):
        monkeypatch.setattr(f"nlptrain.procedures.dry_run.{name}", 0.2)
    return folder


class Shell:
    """A small shell for the pages: pipes from echo, cat and head, output into files, globs, scripts."""

    def __init__(self, tag: Callable[[list[str], bytes], tuple[int, bytes]], model: Path) -> None:
        self.tag = tag
        self.model = model

    def run(self, line: str) -> str:
        if line.startswith(INSTALLS):
            return ""
        line = line.replace(PRETRAINED, str(self.model))
        command, _, target = line.partition(" > ")
        *before, last = (part.strip() for part in command.split(" | "))
        given = "\n".join(subprocess.check_output(part, shell=True, text=True) for part in before)  # noqa: S602
        output = self.run_command(last, given)
        if target:
            Path(target.strip()).write_text(output)
        return output

    def run_command(self, command: str, given: str) -> str:
        name, *arguments = [word for part in shlex.split(command, posix=True) for word in self.expanded(command, part)]
        if name == "nlptrain-tag":
            code, output = self.tag(arguments, given.encode())
            assert code == 0, command
            return output.decode()
        if name != "nlptrain":
            return subprocess.check_output(command, shell=True, text=True)  # noqa: S602
        if arguments[0] == "demo":  # tests/cli/test_demo.py runs it
            return ""
        if arguments[0] == "export" and "int8" in arguments:
            arguments += ["--max-f1-loss", "100"]  # of a tiny model
        if arguments[0] in COMMANDS and "configs/demo" not in command:
            arguments += [word for setting in SMALL[arguments[0]] for word in ("--set", setting)]
        result = CliRunner().invoke(main, arguments, input=given or None)
        assert result.exit_code == 0, (command, result.output)
        return result.stdout

    def expanded(self, command: str, word: str) -> list[str]:
        quoted = f"'{word}'" in command or f'"{word}"' in command
        return sorted(glob.glob(word)) if "*" in word and not quoted else [word]


def test_there_is_something_to_test() -> None:
    assert {"README.md", "docs/getting-started.md", "docs/guides/choosing.md", "docs/reference/formats.md"} <= set(
        PAGES
    )
    assert sum(len(list(steps(page))) for page in PAGES) > 60
    assert sum(len(blocks(page, "yaml")) for page in PAGES) > 10


@pytest.mark.parametrize("page", [page for page in PAGES if list(steps(page))])
def test_each_command_and_program_runs_as_written(page: str, reader: Path, tag, tiny_bert: Path) -> None:  # noqa: ANN001
    for block in blocks(page, "yaml"):  # the first line names the file that a command reads
        name = re.match(r"# ([\w/.-]+\.yaml)\n", block)
        if name:
            Path(name[1]).parent.mkdir(parents=True, exist_ok=True)
            Path(name[1]).write_text(block.replace(PRETRAINED, str(tiny_bert)))
    if page == ARCHITECT:
        old_teacher(Path("old/teacher"), tiny_bert)
    shell = Shell(tag, tiny_bert)
    names: dict[str, object] = {}  # of the programs, which continue each other
    for language, step in steps(page):
        if language == "sh":
            shell.run(step)
        else:
            with redirect_stdout(io.StringIO()):  # the fixture `tag` has replaced it
                program = step.replace(PRETRAINED, str(tiny_bert))
                for long, short in SHORT.items():
                    program = program.replace(long, short)
                exec(compile(program, page, "exec"), names)  # noqa: S102
    if page == ARCHITECT:
        shell.run("nlptrain evaluate teacher dev.conll --json")


@pytest.mark.parametrize("page", PAGES)
def test_each_configuration_is_valid(page: str, tmp_path: Path) -> None:
    for block in blocks(page, "yaml"):
        name = re.match(r"# ([\w/.-]+)", block)
        assert name, f"{page}: the first line of a block must name its file or command:\n{block}"
        path = tmp_path / "shown.yaml"
        path.write_text(block)
        command = _command(name[1], path)
        load_config(COMMANDS[command], path, check_files=False)


def _command(name: str, path: Path) -> str:
    """Return the command that a block is for: by the file or command in its first line, or else by its keys."""
    stem = Path(name).stem.split("-")[0]
    return stem if stem in COMMANDS else command_of(path)


def old_teacher(folder: Path, tiny_bert: Path) -> None:
    """Write a BERT as NLP Architect saved it: a pickle, a column for the padding, and a file of labels."""
    from transformers import AutoTokenizer, BertConfig, BertForTokenClassification

    labels = ["O", "B-person", "I-person", "B-place", "I-place"]
    config = BertConfig.from_pretrained(tiny_bert, num_labels=len(labels) + 1)
    model = BertForTokenClassification(config)
    folder.mkdir(parents=True)
    config.save_pretrained(folder)
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    AutoTokenizer.from_pretrained(tiny_bert).save_pretrained(folder)
    (folder / "labels.txt").write_text("\n".join(labels) + "\n")


def strings() -> str:
    """Return all string constants of the source."""
    constants = []
    for path in [
        *ROOT.glob("nlptrain/**/*.py"),
        *ROOT.glob("runtime/nlptrain_runtime/*.py"),
        *ROOT.glob("scripts/*.py"),
    ]:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants += [
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        constants += [joined(node) for node in ast.walk(tree) if isinstance(node, ast.Tuple)]
    return "\n".join(constants)


def joined(node: ast.expr) -> str:
    """Return the text of a message that is built from strings and settings, with a line break for each gap."""
    if isinstance(node, ast.Tuple):
        return "".join(map(joined, node.elts))
    if isinstance(node, ast.JoinedStr):
        return "".join(joined(part) for part in node.values)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Setting" and node.args:
        return joined(node.args[0])
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else "\n"


def is_source_text(fragment: str, source: str) -> bool:
    """Return whether ``fragment`` of a message is in ``source``; an option is there as the key of its setting."""
    key = fragment.removeprefix("--").replace("-", "_")
    return fragment in source or (fragment.startswith("--") and key in source)


def test_each_message_of_the_troubleshooting_page_is_in_the_source() -> None:
    source = strings()
    text = text_of("docs/troubleshooting.md")
    messages = re.findall(r"^### `(.*)`$", text, re.MULTILINE)
    assert len(messages) >= 50
    for message in messages:
        for fragment in re.split(r"\.\.\.|; expected |; |: ", message):
            assert is_source_text(fragment.strip(" ,.()"), source), (message, fragment)
