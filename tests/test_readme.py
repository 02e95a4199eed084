"""The README: its programs and commands run; the configurations of long commands are checked."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from nlptrain.cli.main import main
from nlptrain.config import COMMANDS, load_config
from tests.helpers.commands import write_configs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


PROGRAMS = blocks("python")
LINES = [line for block in blocks("sh") for line in block.split("\n") if re.search(r"\bnlptrain(-tag)? ", line)]


@pytest.fixture
def demo(corpus: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a folder as `make demo` does, with tiny models, and with the runs of the README."""
    monkeypatch.chdir(corpus)
    for name, path in write_configs(corpus, tiny_bert).items():
        values = yaml.safe_load(path.read_text())
        values["output_dir"] = f"runs/demo/{name}"
        if "teacher" in values:
            values["teacher"] = "runs/demo/transformer_token"
        target = Path("configs/demo", f"{name}.yaml")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(yaml.safe_dump(values))
        if name in ("transformer_token", "tagger_kd"):
            assert CliRunner().invoke(main, [name, str(target)]).exit_code == 0
    Path("runs/teacher").symlink_to("demo/transformer_token")
    Path("runs/student").symlink_to("demo/tagger_kd")
    return corpus


def test_the_readme_has_programs_commands_and_configurations():
    assert len(PROGRAMS) == 4
    assert len(LINES) >= 6
    assert len(blocks("yaml")) == 3


def test_python_programs_run(demo, capsys):
    exported = ["export", "runs/demo/tagger_kd", "exported"]
    assert CliRunner().invoke(main, exported).exit_code == 0
    for program in PROGRAMS:
        exec(compile(program, "README.md", "exec"), {})  # noqa: S102
    shown = capsys.readouterr()
    assert "'entities'" in shown.out
    assert "Loading" not in shown.err
    assert "REPORT" not in shown.err + shown.out
    assert Path("my_student/config.json").is_file()


def test_the_ten_line_program_has_at_most_ten_lines():
    program = PROGRAMS[2].strip().split("\n")
    assert len([line for line in program if line and not line.startswith(("from", "import"))]) <= 10


def test_commands_run(demo, tag):
    for index, name in enumerate(("teacher.yaml", "student.yaml")):
        Path(name).write_text(blocks("yaml")[index])
    for line in LINES:
        command = line.split("|")[-1].strip()
        if command.startswith("nlptrain-tag "):
            code, _ = tag(shlex.split(command)[1:], b"Ada Lovelace lived in London.\n")
            assert code == 0
            continue
        name, *arguments = shlex.split(command.removeprefix("nlptrain "))
        if name in COMMANDS:
            settings = [arguments[at + 1] for at, word in enumerate(arguments) if word == "--set"]
            if not arguments[0].startswith("--"):
                load_config(COMMANDS[name], arguments[0], settings, check_files=False)
            with main.commands[name].make_context(name, arguments):
                continue
        if name == "run":
            arguments.append("--dry-run")
        given = re.search(r'echo "(.*)" \|', line)
        result = CliRunner().invoke(main, [name, *arguments], input=given[1] if given else None)
        assert result.exit_code == 0, (line, result.output)


def test_the_configuration_of_teachers_is_valid(tmp_path):
    whole = {**yaml.safe_load(blocks("yaml")[1]), **yaml.safe_load(blocks("yaml")[2])}
    del whole["teacher"]
    whole["data"]["unlabeled"] = "raw.txt"
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(whole))
    config = load_config(COMMANDS["tagger_kd"], path, check_files=False).config
    assert [teacher.weight for teacher in config.teacher_list] == [2.0, 1.0]
    assert config.data.label_map["MISC"] == "O"


def test_the_table_lists_every_command():
    for name in main.commands:
        assert re.search(rf"^\| `nlptrain {name}[ `]", README, re.MULTILINE)


def test_link_targets_exist():
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target
