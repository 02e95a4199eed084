"""Shell completion: commands, options and configuration keys."""

import os
import shutil
import subprocess
import sys

import pytest

from nlptrain.config import COMMANDS
from tests.helpers.commands import call


def complete(*words: str) -> list[str]:
    """Return the completions of the last of ``words``, with the variables that click's bash script sets."""
    environment = {
        **os.environ,
        "_NLPTRAIN_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["nlptrain", *words]),
        "COMP_CWORD": str(len(words)),
    }
    program = "import sys; sys.argv = ['nlptrain']; from nlptrain.cli.main import main; main(prog_name='nlptrain')"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False
    )
    return [line.partition(",")[2] for line in result.stdout.splitlines() if line]


@pytest.mark.slow
def test_completion_of_commands_options_and_keys() -> None:
    assert {"tagger", "tagger_kd", "transformer_token"} == set(complete("ta")) | {"transformer_token"}
    assert "--unlabeled" in complete("tagger_kd", "--")
    keys = complete("tagger_kd", "--set", "objective.")
    assert {"objective.temperature", "objective.dist_w"} <= set(keys)
    assert complete("tagger", "--set", "objective.") == []
    assert "train.warmup_steps" in complete("run", "--set", "train.w")
    assert complete("config", "schema", "") == list(COMMANDS)
    assert complete("compare", "--requ") == ["--require"]
    assert complete("tagger_kd", "--set", "student.encoder.kind=") == [
        f"student.encoder.kind={kind}" for kind in ("gru", "idcnn", "lstm")
    ]
    assert complete("tagger_kd", "--set", "objective.loss=m") == ["objective.loss=mse"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_completion_script(shell: str) -> None:
    result = call("completion", shell)
    assert result.exit_code == 0
    assert "_NLPTRAIN_COMPLETE" in result.stdout
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=result.stdout, text=True, check=True)


def test_error_if_the_shell_is_unknown() -> None:
    result = call("completion", "bsh")
    assert result.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in result.stderr
