import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from nlptrain.config import COMMANDS, command_of, describe, load_config
from nlptrain.config.auto import resolve_auto
from nlptrain.config.loading import LoadedConfig, model_references, to_yaml, with_references
from nlptrain.config.validation_errors import RENAMED_KEYS
from nlptrain.errors import InputError, Setting

CONTROL = {"student": {"tokenizer": "org/model"}, "data": {"train": "train.conll"}, "output_dir": "runs/x"}


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.conll").write_text("a\tO\n")


def write(name: str, values: object) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(values if isinstance(values, str) else yaml.safe_dump(values))
    return path


def load(values: object, *settings: str, command: str = "tagger", **flags: object) -> LoadedConfig:
    return load_config(COMMANDS[command], write("c.yaml", values), settings, flags)


def faults(values: object, *settings: str, command: str = "tagger") -> list[str]:
    with pytest.raises(InputError) as caught:
        load(values, *settings, command=command)
    return str(caught.value).split("\n")


def test_all_errors_of_a_file_are_reported_at_once():
    values = {
        "student": {"encoder": {"hiden": 3, "layers": 99}, "tokenizer": "org/model", "dropout": 1.0},
        "data": {"train": "train.conll"},
        "train": {"steps": "many", "learning_rate": -1, "micro_batches": 1.5},
        "precision": "fp61",
        "outputdir": "x",
    }
    assert faults(values) == [
        "c.yaml: output_dir: missing; Folder of the run: model/, config.yaml, metrics.jsonl, scores.json, log.txt "
        "(output_dir)",
        "c.yaml: precision: found 'fp61'; expected one of fp32, bf16, fp16; did you mean 'fp16'?",
        "c.yaml: student.encoder.layers: found 99; expected at most 8 or 'auto'",
        "c.yaml: student.encoder.hiden: unknown key; did you mean 'hidden'?",
        "c.yaml: student.dropout: found 1.0; expected below 1.0 or 'auto'",
        "c.yaml: train.steps: found 'many'; expected a whole number or 'auto'",
        "c.yaml: train.micro_batches: found 1.5; expected a whole number",
        "c.yaml: train.learning_rate: found -1; expected above 0.0 or 'auto'",
        "c.yaml: outputdir: unknown key; did you mean 'output_dir'?",
    ]


def test_scientific_notation_without_a_point_is_a_number():
    assert load("train: {learning_rate: 1e-4}\n" + yaml.safe_dump(CONTROL)).config.train.learning_rate == 1e-4


def test_a_key_of_another_section_is_suggested():
    assert faults({**CONTROL, "learning_rate": 1.0}) == [
        "c.yaml: learning_rate: unknown key; did you mean 'train.learning_rate'?"
    ]


def test_the_same_key_twice_is_refused():
    text = yaml.safe_dump(CONTROL) + "seed: 1\nseed: 2\n"
    assert "seed" in faults(text)[0]
    assert "twice" in faults(text)[0] or "again" in faults(text)[0]


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [1\n", "just words\n", ""])
def test_a_file_without_a_map_is_refused(text):
    assert all(line.startswith("c.yaml") for line in faults(text))


def test_later_layers_override_earlier_ones_and_origins_are_kept():
    write("bases/common.yaml", {"seed": 1, "train": {"steps": 7, "ema": 0.5}, "output_dir": "runs/base"})
    write("bases/near.yaml", {"base": "common.yaml", "train": {"steps": 8, "warmup_steps": 2}})
    loaded = load({**CONTROL, "base": "bases/near.yaml", "seed": 3}, "train.steps=9", "seed=4", seed=5)
    config = loaded.config
    assert (config.seed, config.train.steps, config.train.ema, config.train.warmup_steps) == (5, 9, 0.5, 2)
    assert config.output_dir == "runs/x"
    origins = {key: origin for key, _, origin in describe(loaded)}
    assert origins["seed"] == Setting("flags.seed")
    assert origins["train.steps"] == Setting("settings")
    assert origins["train.ema"] == "base bases/common.yaml"
    assert origins["train.warmup_steps"] == "base bases/near.yaml"
    assert origins["output_dir"] == "c.yaml"
    assert origins["student.dropout"] == "auto: a tagger"


def test_lists_are_replaced_and_maps_merged():
    write("base.yaml", {"data": {"train": ["a", "b"], "min_words": 2}})
    data = load({**CONTROL, "base": "base.yaml"}).config.data
    assert (data.train, data.min_words) == ("train.conll", 2)


@pytest.mark.parametrize("word", ["none", "auto"])
def test_a_mapping_replaces_a_string_of_a_base(word: str):
    """For example, settings of augment replace ``none`` in a base."""
    write(
        "base.yaml", {"teacher": "org/model", "data": {"train": "train.conll"}, "output_dir": "runs/x", "augment": word}
    )
    for settings in (("augment={sentences: 50}",), ("augment.sentences=50",)):
        loaded = load({"base": "base.yaml"}, *settings, command="tagger_kd")
        assert loaded.config.augment.sentences == 50
        origins = {key: origin for key, _, origin in describe(loaded)}
        assert (origins["augment.sentences"], origins["augment.swap"]) == (Setting("settings"), "default")
    (line,) = faults({"base": "base.yaml"}, "augment={swaps: 0.5}", command="tagger_kd")
    assert "did you mean 'swap'?" in line
    (line,) = faults({"base": "base.yaml"}, "data.train.x=3", command="tagger_kd")
    assert "data.train is 'train.conll', which has no key 'x'" in line
    write("base.yaml", {**yaml.safe_load(Path("base.yaml").read_text()), "train": 5})
    (line,) = faults({"base": "base.yaml"}, "train.steps=3", command="tagger_kd")
    assert "train is 5, which has no key 'steps'" in line  # not a word that train may be, and not ignored


def test_a_cycle_of_bases_is_refused():
    write("a.yaml", {"base": "b.yaml"})
    write("b.yaml", {"base": "c.yaml"})
    (line,) = faults({**CONTROL, "base": "a.yaml"})
    assert line.startswith("c.yaml: base: found a cycle: c.yaml -> a.yaml -> b.yaml -> c.yaml")


def test_a_missing_base_is_named():
    assert "nowhere.yaml" in faults({**CONTROL, "base": "nowhere.yaml"})[0]


def test_environment_variables_are_substituted(monkeypatch):
    monkeypatch.setenv("WHERE", "train.conll")
    monkeypatch.setenv("STEPS", "12")
    text = "student: {tokenizer: org/model}\ndata: {train: '${WHERE}'}\n"
    text += "output_dir: ${OUT:-runs}/$$5\ntrain: {steps: '${STEPS}'}\n"
    config = load(text).config
    assert (config.data.train, config.output_dir, config.train.steps) == ("train.conll", "runs/$5", 12)
    monkeypatch.delenv("WHERE")
    assert faults(text) == [
        "c.yaml: data.train: the variable WHERE is not set; export WHERE=..., or write ${WHERE:-default}"
    ]


@pytest.mark.parametrize(("key", "other_key"), [("steps", "epochs"), ("batch_subwords", "batch_sentences")])
def test_giving_one_of_a_pair_removes_the_default_of_the_other(key, other_key):
    train = load(CONTROL, f"train.{other_key}=2").config.train
    assert (getattr(train, key), getattr(train, other_key)) == (None, 2)
    (line,) = faults({**CONTROL, "train": {key: 10, other_key: 2}})
    assert f"found both '{key}' and '{other_key}'; expected exactly one of them" in line


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("train.steps", "settings train.steps: is no setting; expected KEY=VALUE, e.g. train.steps=500"),
        ("train.stps=5", "settings train.stps=5: unknown key; did you mean 'steps'?"),
        ("seed.x=5", "seed"),
        ("train.steps=[", "settings train.steps=["),
        ("train.steps=0", "settings train.steps=0: found 0; expected at least 1"),
    ],
)
def test_an_invalid_setting_is_reported(setting, message):
    assert message in faults(CONTROL, setting)[0]


def test_error_for_track_shows_the_value_of_report_to():
    assert faults(CONTROL, "track=tensorboard") == [
        "settings track=tensorboard: unknown key; it is now report_to: [tensorboard]"
    ]
    assert faults({**CONTROL, "track": "none"}) == ["c.yaml: track: unknown key; it is now report_to: []"]


@pytest.mark.parametrize(("old", "new"), [pair for pair in RENAMED_KEYS.items() if pair[0] != "track"])
def test_the_key_of_an_earlier_version_is_refused_with_the_new_key(old: str, new: str):
    values: dict[str, Any] = {**CONTROL, "teacher": "org/teacher", "student": {}}
    assert faults(values, f"{old}=1", command="tagger_kd") == [f"settings {old}=1: unknown key; it is now {new}"]
    *sections, name = old.split(".")
    inner: dict[str, Any] = {name: {"a": 1}}
    for section in reversed(sections):
        inner = {section: inner}
    assert faults({**values, **inner}, command="tagger_kd") == [f"c.yaml: {old}: unknown key; it is now {new}"]


@pytest.mark.parametrize("device", ["gpu", "cpu0", "cuda:x"])
def test_an_unknown_device_is_refused(device):
    assert faults(CONTROL, f"device={device}") == [
        f"settings device={device}: found '{device}'; expected auto (a GPU if there is one), cpu, cuda, cuda:N or mps"
    ]


def test_half_precision_on_a_cpu_is_refused():
    (line,) = faults(CONTROL, "device=cpu", "precision=fp16")
    assert "precision: found fp16, which needs a CUDA device, and device is cpu; expected fp32 or bf16" in line


def test_missing_files_are_named_with_a_suggestion():
    values = {**CONTROL, "data": {"train": "trein.conll", "dev": "no/*.conll"}, "student": {"tokenizer": "./nowhere"}}
    lines = faults(values)
    assert lines[0].startswith("c.yaml: data.train: no file matches 'trein.conll'")
    assert lines[0].endswith("did you mean 'train.conll'?")
    assert lines[1].startswith("c.yaml: data.dev: no file matches 'no/*.conll'")
    assert lines[2].startswith("c.yaml: student.tokenizer: there is no folder './nowhere'")


def test_required_keys_of_each_command_are_named():
    nothing = {"output_dir": "runs/x", "data": {"train": "train.conll"}}
    assert "model: missing" in faults(nothing, command="transformer_token")[0]
    assert "student.tokenizer: missing" in faults(nothing)[0]
    assert "teacher: missing" in faults(nothing, command="tagger_kd")[0]
    distilled = {**nothing, "teacher": "org/teacher"}
    assert "data.unlabeled: missing" in faults({**distilled, "augment": "none"}, command="pseudo_label")[0]
    assert "data.train: missing" in faults({**CONTROL, "data": {}})[0]


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_a_resolved_configuration_can_be_read_again(command):
    values = {
        "data": {"train": "train.conll", "unlabeled": "train.conll"},
        "output_dir": "runs/a $ b: c",
        **({"model": "org/m"} if command == "transformer_token" else {"student": {"tokenizer": "org/m"}}),
        **({"teacher": "org/t"} if command in ("tagger_kd", "pseudo_label") else {}),
    }
    values["output_dir"] = "runs/a $$ b: c"
    config = load(values, command=command).config
    assert config.output_dir == "runs/a $ b: c"
    again = load_config(COMMANDS[command], write("again.yaml", to_yaml(config))).config
    assert again == config


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_key_has_a_description(command):
    def keys(model, prefix=""):
        for name, field in model.model_fields.items():
            yield f"{prefix}{name}", field.description
            if hasattr(field.annotation, "model_fields"):
                yield from keys(field.annotation, f"{prefix}{name}.")

    described = dict(keys(COMMANDS[command]))
    assert len(described) > 35
    assert not [key for key, text in described.items() if not text or not text.endswith(".")]


def test_error_in_a_file_without_importing_torch():
    write("bad.yaml", {"teecher": "x"})
    script = (
        "import sys\nfrom nlptrain.cli.main import main\n"
        "sys.argv = ['nlptrain', 'tagger_kd', 'bad.yaml']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    print(end.code, 'torch' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": f"{root}:{root / 'runtime'}"},
    )
    assert done.stdout == "2 False\n"
    assert "error: bad.yaml: teecher: unknown key; did you mean 'teacher'?" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("student", "settings", "rates"),
    [
        ({}, (), (5e-3, 0.03)),
        ({"encoder": {"kind": "gru"}}, (), (5e-3, 0.03)),
        ({"encoder": {"kind": "idcnn"}}, (), (3e-3, 0.03)),
        ({}, ("train.learning_rate=1e-3",), (1e-3, 0.03)),
        ({"embedder": {"kind": "word"}}, (), (3e-3, 0.15)),
        ({"embedder": {"kind": "word"}}, ("train.unk_dropout=0.1",), (3e-3, 0.1)),
        ({"kind": "transformer", "layers": 2}, (), (3e-4, 0.0)),
        ({"kind": "transformer", "layers": 2}, ("train.learning_rate=1e-4",), (1e-4, 0.0)),
    ],
)
def test_defaults_of_training_depend_on_the_kind_of_student(
    tmp_path: Path, student: dict[str, object], settings: tuple[str, ...], rates: tuple[float, float]
) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump({"teacher": "t/t", "student": student, "data": {"train": "x"}, "output_dir": "o"}))
    config = load_config(COMMANDS["tagger_kd"], path, settings, check_files=False).config
    train = resolve_auto(config)[0].train
    assert (train.learning_rate, train.unk_dropout) == rates


def test_a_distilled_student_has_less_dropout():
    distilled = {"teacher": "t/t", "data": {"train": "x"}, "output_dir": "o"}
    rates = [
        resolve_auto(load_config(COMMANDS[command], write("c.yaml", values), settings, check_files=False).config)[
            0
        ].student.dropout
        for command, values, settings in (
            ("tagger_kd", distilled, ()),
            ("pseudo_label", distilled, ()),
            ("tagger", CONTROL, ()),
            ("tagger_kd", distilled, ("student.dropout=0.2",)),
            ("tagger_kd", distilled, ("student.embedder.kind=word",)),
        )
    ]
    assert rates == [0.1, 0.3, 0.3, 0.2, 0.3]


def test_another_kind_removes_options_of_the_kind_in_a_base(tmp_path: Path) -> None:
    base = {"teacher": "t/t", "data": {"train": "x"}, "output_dir": "o"}
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump({**base, "student": {"encoder": {"hidden": 7, "layers": 3}}}))
    same = load_config(COMMANDS["tagger_kd"], path, ["student.encoder.kind=lstm"], check_files=False).config
    assert same.student.encoder.hidden == 7  # the kind that it was already
    idcnn = load_config(COMMANDS["tagger_kd"], path, ["student.encoder.kind=idcnn"], check_files=False).config
    assert idcnn.student.encoder.filters == 256
    student = ["student.kind=transformer", "student.layers=1"]  # maps of the old kind go with their keys
    assert load_config(COMMANDS["tagger_kd"], path, student, check_files=False).config.student.kind == "transformer"
    path.write_text(yaml.safe_dump({**base, "student": {"encoder": {"hidden": 7, "kind": "idcnn"}}}))
    with pytest.raises(InputError, match=r"encoder\.hidden: unknown key; known with kind idcnn: kind, filters"):
        load_config(COMMANDS["tagger_kd"], path, check_files=False)


def test_augmentation_is_on_by_default_with_gold_sentences():
    Path("raw.txt").write_text("a\n")
    gold = {"output_dir": "runs/x", "teacher": "org/teacher", "data": {"train": "train.conll"}}
    both = {**gold, "data": {"train": "train.conll", "unlabeled": "raw.txt"}}
    asked = {"augment": {"join": 0.5}}
    alone = {**gold, "data": {"unlabeled": "raw.txt"}}
    configs = [
        load(values, command="tagger_kd").config.augmenting
        for values in (gold, both, {**gold, "augment": "none"}, {**both, **asked}, alone)
    ]
    assert [config is not None for config in configs] == [True, True, False, True, False]
    assert configs[3].join == 0.5
    raw = {**alone, **asked}
    assert (
        "augment: without data.train and data.dev, some raw sentences become dev" in faults(raw, command="tagger_kd")[0]
    )
    assert faults({**gold, "augment": "autoo"}, command="tagger_kd") == [
        "c.yaml: augment: found 'autoo'; expected a map or 'auto' or 'none'; did you mean 'auto'?"
    ]


def test_auto_is_refused_for_a_transformer():
    teacher = {"model": "org/model", "data": {"train": "train.conll"}, "output_dir": "runs/x"}
    for key in ("learning_rate", "clip_norm"):
        (fault,) = faults(teacher, f"train.{key}=auto", command="transformer_token")
        assert fault.endswith("found 'auto'; expected a number")


@pytest.mark.parametrize(
    ("inside", "fault"),
    [
        ({"swop": 0.5}, "c.yaml: augment.swop: unknown key; did you mean 'swap'?"),
        ({"swap": 1.5}, "c.yaml: augment.swap: found 1.5; expected at most 1.0"),
    ],
)
def test_an_error_in_a_mapping_does_not_suggest_strings(inside: dict[str, float], fault: str):
    values = {"output_dir": "runs/x", "teacher": "org/teacher", "data": {"train": "train.conll"}, "augment": inside}
    assert faults(values, command="tagger_kd") == [fault]


def test_the_command_is_recognized_by_a_key_of_pseudo_label():
    path = write("mine.yaml", {"teacher": "org/teacher", "objective": {"min_precision": 0.9}})
    assert command_of(path) == "pseudo_label"


def test_another_loss_keeps_what_all_losses_have(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    objective = {"loss": "kl", "dist_w": 0.3, "oversampling": 0.0}
    path.write_text(
        yaml.safe_dump({"teacher": "t/t", "data": {"train": "x"}, "output_dir": "o", "objective": objective})
    )
    changed = load_config(COMMANDS["tagger_kd"], path, ["objective.loss=mse"], check_files=False).config.objective
    assert (changed.loss, changed.dist_w, changed.oversampling) == ("mse", 0.3, 0.0)
    assert changed.needs_raw_logits
    with pytest.raises(InputError, match=r"found 'msee'; expected one of kl, mse; did you mean 'mse'\?"):
        load_config(COMMANDS["tagger_kd"], path, ["objective.loss=msee"], check_files=False)
    with pytest.raises(InputError, match=r"alpha=1: unknown key; known with loss mse: oversampling"):
        load_config(COMMANDS["tagger_kd"], path, ["objective.loss=mse", "objective.alpha=1"], check_files=False)


def test_a_teacher_is_a_path_or_a_map_with_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    values = {"teacher": "t/t", "data": {"train": "x"}, "output_dir": "o"}
    path.write_text(yaml.safe_dump(values))
    (single,) = load_config(COMMANDS["tagger_kd"], path, check_files=False).config.teacher_list
    (mapped,) = load_config(COMMANDS["tagger_kd"], path, ["teacher={path: t/t}"], check_files=False).config.teacher_list
    assert single == mapped
    config = load_config(COMMANDS["tagger_kd"], path, ["teacher.path=a/b"], check_files=False).config
    assert model_references(config) == {"teacher.path": "a/b"}
    pinned = with_references(config, {"teacher.path": "a/b@1"})
    assert pinned.teacher_list[0].path == "a/b@1"
    with pytest.raises(InputError, match=r"found 'spacey'; expected transformer"):
        load_config(COMMANDS["tagger_kd"], path, ["teacher={kind: spacey}"], check_files=False)
    with pytest.raises(InputError, match=r"teacher.*: missing"):
        load_config(COMMANDS["tagger_kd"], path, ["teacher={kind: transformer}"], check_files=False)


def test_formats_and_trackers_are_those_of_the_registries(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump({"teacher": "t/t", "data": {"train": "x"}, "output_dir": "o"}))
    for setting, message in (
        (
            "data.format=conl",
            r"found 'conl'; expected one of auto, conll, conllu, .*; did you mean 'conll'\?",
        ),
        ("data.format=doccano", r"found 'doccano'; expected one of auto"),  # it can only be written
        (
            "report_to=[wandbb]",
            r"found 'wandbb'; expected one of tensorboard, wandb; did you mean 'wandb'\?",
        ),
    ):
        with pytest.raises(InputError, match=message):
            load_config(COMMANDS["tagger_kd"], path, [setting], check_files=False)
