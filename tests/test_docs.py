"""The pages in docs/: their commands run as written, and their configuration files are valid."""

import ast
import glob
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
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
# Pages with results of trainings that take hours: their commands are checked, not run.
MEASURED = ("accuracy.md", "accuracy-history.md", "results.md", "speed.md")
PAGES = sorted(path.name for path in DOCS.glob("*.md") if path.name not in MEASURED)
PRETRAINED = "google-bert/bert-base-cased"
SMALL = {
    "transformer_token": ["train.epochs=6", "train.learning_rate=0.005"],
    "tagger": ["train.steps=40", "train.eval_every=20", "student.embedder.dim=16"],
    "tagger_kd": ["train.steps=40", "train.eval_every=20", "student.embedder.dim=16", "augment=none"],
    "pseudo_label": ["train.steps=40", "train.eval_every=20", "student.embedder.dim=16", "augment=none"],
}


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def lines(page: str) -> Iterator[str]:
    for block in blocks(page, "sh"):
        yield from (line for line in block.replace("\\\n", " ").split("\n") if line.strip() and line[0] != "#")


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
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("transformer_token", "tagger_kd"):
            assert CliRunner().invoke(main, [name, f"configs/demo/{name}.yaml"]).exit_code == 0
    return folder


@pytest.fixture
def reader(finished_demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forked_commands: None) -> Path:
    folder = tmp_path / "reader"
    shutil.copytree(finished_demo, folder)
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(folder)
    for name, short in (("_SECONDS", 0.05), ("_LATENCY_SECONDS", 0.1), ("_COLD_STARTS", 1)):
        monkeypatch.setattr(f"nlptrain.export.benchmark.{name}", short)
    # Fresh processes of torch take seconds each; tests/export has them.
    monkeypatch.setattr("nlptrain.export.benchmark.Candidate.run_in_process", lambda self, texts: (0.5, len(texts)))
    for name in ("_LABELING_SECONDS", "_TRAINING_SECONDS"):
        monkeypatch.setattr(f"nlptrain.procedures.dry_run.{name}", 0.2)
    return folder


class Shell:
    """A small shell for the pages: pipes from echo, cat and head, output into files, globs, scripts."""

    def __init__(self, tag: Callable[[list[str], bytes], tuple[int, bytes]], model: Path) -> None:
        self.tag = tag
        self.model = model

    def run(self, line: str) -> str:
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
        if arguments[0] in COMMANDS and "configs/demo" not in command:
            arguments += [word for setting in SMALL[arguments[0]] for word in ("--set", setting)]
        result = CliRunner().invoke(main, arguments, input=given or None)
        assert result.exit_code == 0, (command, result.output)
        return result.stdout

    def expanded(self, command: str, word: str) -> list[str]:
        quoted = f"'{word}'" in command or f'"{word}"' in command
        return sorted(glob.glob(word)) if "*" in word and not quoted else [word]


def test_there_is_something_to_test() -> None:
    assert {"getting-started.md", "choosing.md", "formats.md", "nlp-architect.md", "objectives.md"} <= set(PAGES)
    assert sum(len(list(lines(page))) for page in PAGES) > 40
    assert sum(len(blocks(page, "yaml")) for page in PAGES) > 10


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "sh")])
def test_each_command_runs_as_written(page: str, reader: Path, tag, tiny_bert: Path) -> None:  # noqa: ANN001
    for block in blocks(page, "yaml"):  # the first line names the file that a command reads
        name = re.match(r"# ([\w/.-]+\.yaml)\n", block)
        if name:
            Path(name[1]).parent.mkdir(parents=True, exist_ok=True)
            Path(name[1]).write_text(block.replace(PRETRAINED, str(tiny_bert)))
    shell = Shell(tag, tiny_bert)
    for line in lines(page):
        shell.run(line)


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


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")])
def test_its_programs_run(page: str, reader: Path, tiny_bert: Path) -> None:
    if page == "nlp-architect.md":
        old_teacher(Path("old/teacher"), tiny_bert)
    for program in blocks(page, "python"):
        exec(compile(program, page, "exec"), {})  # noqa: S102
    if page == "nlp-architect.md":
        result = CliRunner().invoke(main, ["evaluate", "teacher", "dev.conll", "--json"])
        assert result.exit_code == 0, result.output


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


@pytest.mark.parametrize("page", [*PAGES, *MEASURED])
def test_links_have_targets(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(#[^)]*)?\)", text):
        if target.startswith("http"):
            continue
        other = DOCS / target if target else DOCS / page
        assert other.exists(), (page, target)
        if anchor:
            heads = re.findall(r"^#+ (.*)$", other.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor[1:] in anchors, (page, target, anchor)


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
    text = (DOCS / "troubleshooting.md").read_text(encoding="utf-8")
    messages = re.findall(r"^### `(.*)`$", text, re.MULTILINE)
    assert len(messages) >= 50
    for message in messages:
        for fragment in re.split(r"\.\.\.|; expected |; |: ", message):
            assert is_source_text(fragment.strip(" ,.()"), source), (message, fragment)
