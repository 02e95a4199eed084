import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from nlptrain.errors import InputError
from nlptrain.run.run import Run
from tests.helpers.command_server import CommandServer
from tests.helpers.training import main, student

pytestmark = pytest.mark.slow


def test_several_processes_compute_the_same_as_one(
    tiny_bert: Path, tmp_path: Path, command_server: CommandServer
) -> None:
    """Of batches of 5 of 12 sentences, three processes have 2, 2 and 1, or 1, 1 and 0."""
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    for folder in (alone, shared):
        folder.mkdir()
    main(str(tiny_bert), str(alone))
    launcher = [command_server.python, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "3"]
    arguments = [*launcher, "-m", "tests.helpers.training", str(tiny_bert), str(shared)]
    environment = {**os.environ, "PYTHON_EXEC": str(command_server.python)}
    subprocess.run(arguments, check=True, env=environment, timeout=240)
    before = dict(student(tiny_bert).model.named_parameters())
    for name in ("gold", "distilled"):
        expected, actual = load_file(alone / f"{name}.safetensors"), load_file(shared / f"{name}.safetensors")
        for key, value in expected.items():
            assert torch.allclose(value, actual[key], atol=1e-10, rtol=0), key
        assert sum((value - before[key]).abs().sum().item() for key, value in expected.items()) > 0.1
        losses = [json.loads((folder / f"{name}.json").read_text()) for folder in (alone, shared)]
        assert losses[0] == pytest.approx(losses[1], abs=1e-10)


def test_error_if_a_launched_process_misses_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "WORLD_SIZE": "2",
        "RANK": "0",
        "LOCAL_RANK": "0",
        "MASTER_ADDR": "-",
        "MASTER_PORT": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="only training and labeling can run in several"):
        Run(None, device="cpu")
    with pytest.raises(InputError, match="and 2 processes; expected auto, cpu or cuda"):
        Run(None, device="mps", distributed=True)
