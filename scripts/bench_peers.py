"""Compare the speed of exported students with that of other taggers: python -m scripts.bench_peers TEACHER FOLDER...

FOLDERS are exported students (`nlptrain export STUDENT FOLDER --precision int8`), TEACHER is the run of their teacher.
Compared with them, in turns: a network of BERT-base's shape with random weights, in torch; the teacher, in torch and in
ONNX int8; spaCy's `ner` in its `efficiency` configuration, trained on the teacher's gold files in an environment in
runs/peers, which is created the first time (minutes). One thread each.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import torch
import yaml
from transformers import BertConfig, BertForTokenClassification

from nlptrain.cli.output import print_speeds
from nlptrain.data.text_files import expand_paths, read_lines
from nlptrain.deployment.benchmark import Candidate, Speed, measure_speeds, open_candidates
from nlptrain.models import load_token_model
from nlptrain.models.token_model import TokenModel
from nlptrain.models.tokenization import SubwordFeaturizer

PEERS = Path("runs/peers")
SPACY = "spacy==3.8.18"
PROGRAM = Path(__file__).parent / "peers" / "spacy_ner.py"
ROUNDS = 5
_COLD_START = "import spacy; nlp = spacy.load({model!r}); run = lambda texts: [doc.ents for doc in nlp.pipe(texts)]"


def bert_base(teacher: TokenModel) -> str:
    """Save a network of BERT-base's shape (110M random parameters) with the teacher's tokenizer; return its folder."""
    folder = PEERS / "bert-base"
    if not (folder / "config.json").is_file():
        torch.manual_seed(0)
        labels = len(teacher.labels)
        shape = BertConfig(vocab_size=len(teacher.tokenizer), num_labels=labels)  # type: ignore[call-arg]
        net = BertForTokenClassification(shape).eval()
        reader = SubwordFeaturizer(teacher.tokenizer)
        TokenModel(net, reader, teacher.labels, max_subwords=512, name="bert-base").save_pretrained(folder)
    return str(folder)


def environment(name: str, *packages: str) -> str:
    """Create an environment with ``packages`` and without nlptrain; return its interpreter."""
    folder = PEERS / name
    python = folder / "bin" / "python"
    if not (folder / "installed").is_file():
        venv.create(folder, with_pip=True)
        for package in packages:
            subprocess.run([str(python), "-m", "pip", "install", "-q", package], check=True)
        (folder / "installed").touch()
    return str(python)


def one_thread() -> dict[str, str]:
    """Return environment variables for one thread."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def spacy_model(python: str, gold: dict[str, str]) -> tuple[str, float]:
    """Train spaCy on one thread; return the folder of its best model on dev, and its F1 on test."""
    folder = PEERS / "spacy-ner"
    if not (folder / "test.json").is_file():
        command = [python, str(PROGRAM), "train", gold["train"], gold["dev"], str(folder)]
        subprocess.run(command, check=True, env=one_thread())
        command = [python, str(PROGRAM), "score", str(folder / "model-best"), gold["test"]]
        score = subprocess.run(command, check=True, capture_output=True, text=True, env=one_thread()).stdout
        (folder / "test.json").write_text(json.dumps(float(score)))
    return str(folder / "model-best"), float(json.loads((folder / "test.json").read_text()))


@contextmanager
def spacy_candidate(python: str, model: str) -> Iterator[Candidate]:
    """Yield spaCy as a candidate, in a process of its own with a pipe."""
    command = [python, str(PROGRAM), "serve", model]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=one_thread()
    ) as server:
        stdin, stdout = server.stdin, server.stdout
        assert stdin is not None
        assert stdout is not None

        def predict(texts: Sequence[str]) -> object:
            stdin.write(json.dumps(list(texts)) + "\n")
            stdin.flush()
            return json.loads(stdout.readline())

        size = sum(path.stat().st_size for path in Path(model).rglob("*") if path.is_file())
        yield Candidate(
            "spaCy ner, efficiency", "thinc", "fp32", size, predict, _COLD_START.format(model=model), python
        )
        stdin.close()


def main(arguments: list[str]) -> None:
    """Print a table of speeds, and the ratios of each student to the others."""
    teacher, *students = arguments
    data = yaml.safe_load((Path(teacher) / "config.yaml").read_text(encoding="utf-8"))["data"]
    student_data = Path(data["train"]).parent / "raw" / "*.txt"
    texts = [line for path in expand_paths(str(student_data)) for _, line in read_lines(path)]
    python = environment("spacy-env", SPACY)
    model, score = spacy_model(python, data)
    with ExitStack() as stack:
        candidates = stack.enter_context(
            open_candidates([bert_base(load_token_model(teacher))], threads=1, exported=())
        )
        candidates += stack.enter_context(open_candidates([teacher, *students], threads=1, exported=("int8",)))
        candidates.append(stack.enter_context(spacy_candidate(python, model)))
        speeds = measure_speeds(candidates, texts, rounds=ROUNDS, log=lambda text: print(text, file=sys.stderr))
    print_speeds(speeds, 1)
    print(f"spaCy's F1 on test: {score:.2f}")
    base_speed, peer = speeds[0], speeds[-1]
    int8_teacher = next(speed for speed in speeds if speed.name == teacher and speed.runtime == "onnx")
    for speed in speeds:
        if speed.name in students:
            print_ratios(speed, base_speed, int8_teacher, peer)
    (PEERS / "speeds.json").write_text(json.dumps([speed.to_json() for speed in speeds], indent=2) + "\n")


def print_ratios(student: Speed, base: Speed, teacher: Speed, peer: Speed) -> None:
    """Print how many times as fast as the others ``student`` is."""
    print(
        f"{student.name} ({student.precision}): {student.words_per_second / base.words_per_second:.0f} x BERT-base, "
        f"{student.words_per_second / teacher.words_per_second:.1f} x the teacher in ONNX int8, "
        f"{student.words_per_second / peer.words_per_second:.1f} x spaCy; "
        f"latency {base.p50 / student.p50:.0f} x BERT-base's; {student.size / 1e6:.2f} MB"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
