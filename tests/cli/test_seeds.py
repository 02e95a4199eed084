"""Several seeds: one folder with a run for each."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml

from nlptrain.config import COMMANDS, load_config
from nlptrain.config.loading import to_yaml
from nlptrain.errors import InputError
from tests.helpers.command_server import CommandServer
from tests.helpers.commands import call, kill_when, start_command, write_configs

pytestmark = pytest.mark.slow

QUICK = ("--set", "train.steps=10", "--set", "train.eval_every=10")


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def weights(run: Path) -> bytes:
    return (run / "model/model.safetensors").read_bytes()


@pytest.fixture
def three_seeds(corpus: Path, tiny_bert: Path) -> Path:
    """Write a configuration of the control with three seeds."""
    path = write_configs(corpus, tiny_bert)["tagger"]
    path.write_text(path.read_text() + "seeds: [0, 1, 7]\n")
    return path


def test_each_seed_equals_a_single_run(three_seeds: Path, corpus: Path) -> None:
    done = call("tagger", three_seeds, *QUICK)
    assert done.exit_code == 0, done.output
    top = corpus / "runs/tagger"
    assert read(top / "seeds.json") == {"command": "tagger", "seeds": [0, 1, 7]}
    assert {path.name for path in top.iterdir()} == {".lock", "seeds.json", "seed-0", "seed-1", "seed-7"}
    assert call("tagger", three_seeds, *QUICK, "--seed", 1, "--output-dir", corpus / "alone").exit_code == 0
    assert weights(top / "seed-1") == weights(corpus / "alone")
    assert read(top / "seed-1/run.json") == read(corpus / "alone/run.json")
    resolved = yaml.safe_load((top / "seed-7/config.yaml").read_text())
    assert (resolved["seed"], resolved["seeds"], resolved["output_dir"]) == (7, None, str(top / "seed-7"))
    assert weights(top / "seed-0") != weights(top / "seed-1")
    again = call("tagger", three_seeds, *QUICK, "--seed", 1, "--output-dir", top / "seed-1")
    assert "is finished" in again.stderr
    assert again.stdout in done.stdout


def test_the_last_lines_are_mean_smallest_and_largest_f1(three_seeds: Path, corpus: Path) -> None:
    done = call("tagger", three_seeds, *QUICK)
    for split, line in zip(("dev", "test"), done.stdout.splitlines()[-2:], strict=True):
        values = [read(corpus / f"runs/tagger/seed-{n}/scores.json")[split]["f1"] for n in (0, 1, 7)]
        assert line == (
            f"{split:5} f1 {sum(values) / 3:.4f}  smallest {min(values):.4f}  largest {max(values):.4f}  "
            "(mean of 3 seeds)"
        )
    assert [line for line in done.stdout.splitlines() if line.startswith("seed")] == ["seed 0:", "seed 1:", "seed 7:"]
    again = call("tagger", three_seeds, *QUICK)
    assert again.stdout == done.stdout
    assert again.stderr.count("is finished") == 3


def test_seeds_can_be_added_but_not_dropped(three_seeds: Path, corpus: Path) -> None:
    assert call("tagger", three_seeds, *QUICK, "--set", "seeds=[1]").exit_code == 0
    more = call("tagger", three_seeds, *QUICK)
    assert more.exit_code == 0
    assert more.stderr.count("is finished") == 1
    fewer = call("tagger", three_seeds, *QUICK, "--set", "seeds=[0, 1]")
    assert fewer.exit_code == 2
    assert "also holds a run of seed 7, and seeds is [0, 1] now" in fewer.stderr
    kept = weights(corpus / "runs/tagger/seed-0")
    other = call("tagger", three_seeds, *QUICK, "--set", "train.ema=0.5", "--set", "seeds=[5, 0, 1, 7]")
    assert other.exit_code == 2
    assert "seed-0: holds a run with another configuration (train.ema: 0.9 there, 0.5 now)" in other.stderr
    assert not (corpus / "runs/tagger/seed-5").exists()  # nothing is trained before the error
    overwritten = call("tagger", three_seeds, *QUICK, "--set", "train.ema=0.5", "--set", "seeds=[0, 5]", "--overwrite")
    assert overwritten.exit_code == 0, overwritten.output
    assert sorted(path.name for path in (corpus / "runs/tagger").glob("seed-*")) == ["seed-0", "seed-5"]
    assert weights(corpus / "runs/tagger/seed-0") != kept


def test_overwrite_removes_nothing_if_the_run_cannot_start(three_seeds: Path, corpus: Path) -> None:
    assert call("tagger", three_seeds, *QUICK, "--set", "seeds=[0]").exit_code == 0
    run = corpus / "runs/tagger/seed-0"
    (corpus / "bad.conll").write_text("Ada\n")
    bad = call("tagger", three_seeds, "--set", f"data.train={corpus / 'bad.conll'}", "--overwrite")
    assert bad.exit_code == 2
    own = call("tagger", three_seeds, "--set", f"student.init_from={run}", "--set", "seeds=[3]", "--overwrite")
    assert own.exit_code == 2
    assert "which this run reads" in own.stderr
    assert (run / "scores.json").is_file()


def test_a_single_run_and_seeds_do_not_share_a_folder(three_seeds: Path, corpus: Path) -> None:
    single = ("--seed", "0", *QUICK)
    assert call("tagger", three_seeds, *single).exit_code == 0
    several = call("tagger", three_seeds, *QUICK)
    assert several.exit_code == 2
    assert "holds a single run, and seeds are given" in several.stderr
    assert call("tagger", three_seeds, *QUICK, "--set", "seeds=[0]", "--overwrite").exit_code == 0
    assert not (corpus / "runs/tagger/scores.json").exists()
    for arguments in (single, (*single, "--overwrite")):
        refused = call("tagger", three_seeds, *arguments)
        assert refused.exit_code == 2
        assert "holds the runs of several seeds (seed-0), which a single run does not overwrite" in refused.stderr
    assert (corpus / "runs/tagger/seed-0/scores.json").is_file()


def test_seeds_that_were_trained_separately_are_reused(three_seeds: Path, corpus: Path) -> None:
    top = corpus / "runs/tagger"
    for seed in (0, 1):
        assert call("tagger", three_seeds, *QUICK, "--seed", seed, "--output-dir", top / f"seed-{seed}").exit_code == 0
    (top / "note.txt").write_text("mine")
    assert call("tagger", three_seeds, *QUICK).stderr.count("is finished") == 2
    (corpus / "mine").mkdir()
    (corpus / "mine/thesis.txt").write_text("years of work")
    refused = call("tagger", three_seeds, "--output-dir", corpus / "mine", "--overwrite")
    assert refused.exit_code == 2
    assert "holds thesis.txt, and no run of nlptrain" in refused.stderr


def test_all_seeds_share_the_transfer_set_next_to_the_folder(corpus: Path, tiny_bert: Path) -> None:
    paths = write_configs(corpus, tiny_bert)
    assert call("transformer_token", paths["transformer_token"], "--set", "train.epochs=1").exit_code == 0
    done = call("tagger_kd", paths["tagger_kd"], *QUICK, "--set", "seeds=[0, 1]")
    assert done.exit_code == 0, done.output
    assert (corpus / "runs/transfer").is_dir()
    assert ", 0 computed" in (corpus / "runs/tagger_kd/seed-1/log.txt").read_text()
    last_line = done.stdout.splitlines()[-1]
    assert last_line.startswith("test  f1 ")
    assert "% of teacher's 0." in last_line or "  teacher 0.0000" in last_line
    shutil.rmtree(corpus / "runs/tagger_kd/seed-1")
    alone = call("tagger_kd", corpus / "runs/tagger_kd/seed-0/config.yaml", "--seed", 1,
                 "--output-dir", corpus / "runs/tagger_kd/seed-1")  # fmt: skip
    assert ", 0 computed" in alone.stderr
    assert not (corpus / "runs/tagger_kd/transfer").exists()


def test_a_folder_of_seeds_is_not_read_as_a_model(three_seeds: Path, corpus: Path, tiny_bert: Path) -> None:
    assert call("tagger", three_seeds, *QUICK, "--set", "seeds=[0, 1]").exit_code == 0
    top = corpus / "runs/tagger"
    student = write_configs(corpus, tiny_bert)["tagger_kd"]
    for arguments in (
        ["predict", top],
        ["evaluate", top, corpus / "test.conll"],
        ["tagger_kd", student, "--set", f"teacher={top}"],
    ):
        result = call(*arguments, text="Ada\n")
        assert result.exit_code == 2, arguments
        assert f"holds a run per seed; name one of them: {top / 'seed-0'}, {top / 'seed-1'}" in result.stderr


def test_ctrl_c_stops_all_seeds_and_the_same_command_resumes(
    three_seeds: Path, corpus: Path, command_server: CommandServer
) -> None:
    top = corpus / "runs/tagger"
    settings = [word for key in ("threads=1", "train.steps=120", "train.eval_every=20") for word in ("--set", key)]
    process = start_command(command_server.python, three_seeds, *settings)
    stderr = kill_when((top / "seed-1/checkpoint.safetensors").exists, process, signal.SIGINT)
    assert process.returncode == 130
    assert "give the same command again to go on" in stderr
    assert (top / "seed-0/scores.json").exists()
    assert not (top / "seed-7").exists()
    resumed = call("tagger", three_seeds, *settings)
    assert resumed.exit_code == 0, resumed.output
    assert resumed.stderr.count("is finished") == 1
    assert resumed.stderr.count("resuming after step") == 1
    assert (top / "seed-7/scores.json").exists()


def load(path: Path, *settings: str, **flags: object) -> Any:
    return load_config(COMMANDS["tagger"], path, settings, flags, check_files=False)


def test_the_later_layer_decides_between_seed_and_seeds(three_seeds: Path) -> None:
    assert (load(three_seeds).config.seed, load(three_seeds).config.seeds) == (None, [0, 1, 7])
    assert (load(three_seeds, seed=3).config.seed, load(three_seeds, seed=3).config.seeds) == (3, None)
    both = load(three_seeds, "seed=3", "seeds=[4, 5]").config
    assert (both.seed, both.seeds) == (None, [4, 5])
    again = three_seeds.with_name("again.yaml")
    again.write_text(to_yaml(both))
    assert load(again).config == both
    assert load(three_seeds, "seeds=null").config.seed == 0
    three_seeds.write_text(three_seeds.read_text() + "seed: 1\n")
    refused = call("tagger", three_seeds)
    assert refused.exit_code == 2
    assert f"{three_seeds}: found both 'seed' and 'seeds'; expected exactly one of them" in refused.stderr


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[0, 0, 1]", "seeds: found 0 more than once; expected each seed once"),
        ("[]", "found []; expected a list of at least 1"),
        ("[0, -1]", "found -1; expected at least 0"),
        (f"[{2**31}]", f"found {2**31}; expected below {2**31}"),
        ("3", "found 3; expected a list"),
        ("[true]", "found True; expected a list of whole numbers"),
    ],
)
def test_invalid_seeds_are_errors(three_seeds: Path, value: str, message: str) -> None:
    with pytest.raises(InputError) as error_info:
        load(three_seeds, f"seeds={value}")
    assert message in str(error_info.value)
    assert str(error_info.value).startswith("settings seeds=" if "once" not in message else str(three_seeds))


def test_an_error_in_the_data_writes_no_folder(three_seeds: Path, corpus: Path) -> None:
    with (corpus / "train.conll").open("a") as file:
        file.write("\nAda\n")
    assert call("tagger", three_seeds, "--set", "data.strict=true").exit_code == 2
    assert not (corpus / "runs").exists()


def test_a_teacher_has_one_seed(corpus: Path, tiny_bert: Path) -> None:
    result = call("transformer_token", write_configs(corpus, tiny_bert)["transformer_token"], "--set", "seeds=[0]")
    assert result.exit_code == 2
    assert "--set seeds=[0]: unknown key; did you mean 'seed'?" in result.stderr


def test_config_show_shows_seeds(three_seeds: Path) -> None:
    shown = call("config", "show", three_seeds)
    assert shown.exit_code == 0
    rows = {line.split()[0]: line for line in shown.stdout.split("\n") if line}
    assert rows["seeds"].split(maxsplit=1)[1].startswith("[0, 1, 7]")
    assert rows["seed"].split() == ["seed", "null", "default"]
    assert "# student: " in shown.stdout
    single = {
        line.split()[0]: line.split()
        for line in call("config", "show", three_seeds, "--set", "seed=4").stdout.split("\n")
        if line
    }
    assert single["seed"] == ["seed", "4", "--set"]
    assert single["seeds"] == ["seeds", "null", "default"]
