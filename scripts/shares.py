"""Train the students of the test-set table in docs/results/accuracy.md: python -m scripts.shares [ROWS...] [--jobs 2].

A row is a student with three seeds and the teacher that its score is divided by. Every run is a plain command: finished
runs are not repeated, interrupted ones resume. A run reads its test set once, at its end.
"""

from __future__ import annotations

import argparse
import shlex
import statistics
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from nlptrain.data.formats import ReadContext
from nlptrain.data.formats.conll import read_conll
from scripts.runs import (
    DATA,
    ROOT,
    Precision,
    add_precision,
    format_mean,
    precision_of,
    replace_between,
    scores,
    set_precision,
    spread,
    train,
    value,
)

OUT = ROOT / "docs/results/accuracy.md"
BEGIN, END = "<!-- rows of python -m scripts.shares: begin -->", "<!-- end of the shares -->"
SEEDS = (0, 1, 2)
LITTLE = "runs/wnut17/train-10.conll"


def _teacher(corpus: str, name: str, *more: str) -> tuple[str, ...]:
    command = ("transformer_token", f"configs/{corpus}/transformer_token.yaml", *more)
    return (*command, "--output-dir", f"runs/{corpus}/{name}")


TEACHERS: dict[str, tuple[str, ...]] = {
    "wnut17/transformer_token": ("transformer_token", "configs/wnut17/transformer_token.yaml"),
    "wnut17/transformer_token-1": _teacher("wnut17", "transformer_token-1", "--seed", "1"),
    "wnut17/transformer_token-2": _teacher("wnut17", "transformer_token-2", "--seed", "2"),
    "wnut17/transformer_token-10": _teacher(
        "wnut17", "transformer_token-10", "--set", f"data.train={LITTLE}", "--set", "train.epochs=30"
    ),
    "wnut17/refined": (
        "tagger_kd",
        "configs/wnut17/tagger_kd-refined_teacher.yaml",
        "--set",
        "transfer_dir=runs/wnut17/transfer",
    ),
    "ud_ewt/transformer_token-3e-5": _teacher("ud_ewt", "transformer_token-3e-5", "--set", "train.learning_rate=3e-5"),
    "ud_ewt/transformer_token-1e-4": _teacher("ud_ewt", "transformer_token-1e-4", "--set", "train.learning_rate=1e-4"),
    "ud_ewt/transformer_token": _teacher("ud_ewt", "transformer_token"),
}


@dataclass(frozen=True)
class Row:
    """A student.

    Attributes:
        title: description in the table.
        command: command that trains it.
        config: configuration file below configs, without .yaml.
        teachers: runs whose mean test score is 100 %.
        goal: share of the teachers' score to reach.
        other_teachers: further teachers to train first, its own or for comparison.
        needs: rows to train before ``other_teachers``, which are distilled from them.
    """

    title: str
    command: str
    config: str
    teachers: tuple[str, ...]
    goal: str
    other_teachers: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    def arguments(self, precision: Precision) -> list[str]:
        """Return the command for all seeds."""
        corpus = self.config.partition("/")[0]
        more = set_precision(precision, "precision")
        if self.command != "tagger":
            more = set_precision(precision, "precision", "teacher_precision") + (
                "--set",
                f"transfer_dir=runs/{corpus}/transfer",
            )
        seeds = ("--set", f"seeds=[{','.join(map(str, SEEDS))}]")
        return [self.command, f"configs/{self.config}.yaml", *more, *seeds, "--output-dir", f"runs/{self.folder}"]

    @property
    def folder(self) -> str:
        """Folder of all seeds, below runs."""
        return f"{self.config}-seeds"

    def finished(self) -> list[str]:
        """Return the seeds that have scores or, if there is none, the run of the configuration as it is."""
        seeds = [f"{self.folder}/seed-{seed}" for seed in SEEDS]
        return list(filter(is_finished, seeds)) or list(filter(is_finished, [self.config]))


MINILM = ("wnut17/transformer_token",)
ROWS = {
    "default": Row("gold and raw text: the default", "tagger_kd", "wnut17/tagger_kd", MINILM, "99 %"),
    "softmax": Row("the default without a CRF", "tagger_kd", "wnut17/tagger_kd-softmax", MINILM, ""),
    "control": Row("the control: gold alone, no teacher, as many steps", "tagger", "wnut17/tagger", MINILM, "14 below"),
    "control-1layer": Row("the control with one layer, as the student", "tagger", "wnut17/tagger-1layer", MINILM, ""),
    "synthetic": Row(
        "train sentences alone, with synthetic sentences", "tagger_kd", "wnut17/tagger_kd-synthetic", MINILM, "85 %"
    ),
    "synthetic-softmax": Row("the same without a CRF", "tagger_kd", "wnut17/tagger_kd-synthetic-softmax", MINILM, ""),
    "raw": Row("raw text alone, no gold sentences", "tagger_kd", "wnut17/tagger_kd-raw", MINILM, "98 %"),
    "little": Row(
        "a tenth of the gold sentences for teacher and student, all raw text",
        "tagger_kd",
        "wnut17/tagger_kd-little",
        ("wnut17/transformer_token-10",),
        "100 %",
    ),
    "ensemble": Row(
        "the student of three teachers, relative to their mean",
        "tagger_kd",
        "wnut17/tagger_kd-ensemble",
        ("wnut17/transformer_token", "wnut17/transformer_token-1", "wnut17/transformer_token-2"),
        "102 %",
    ),
    "refined": Row(
        "the student of the refined teacher, relative to the teacher before refining",
        "tagger_kd",
        "wnut17/tagger_kd-refined",
        MINILM,
        "",
        other_teachers=("wnut17/refined",),
        needs=("default",),
    ),
    "small": Row("a million parameters", "tagger_kd", "wnut17/tagger_kd-small", MINILM, "95 %"),
    "fast": Row("sum-pooled subwords, one layer of 64 units", "tagger_kd", "wnut17/tagger_kd-fast", MINILM, "97 %"),
    "tiny": Row("the same, a table of 9,000 x 32", "tagger_kd", "wnut17/tagger_kd-tiny", MINILM, "97 %"),
    "ud_ewt": Row(
        "UD EWT, train sentences alone, with synthetic sentences",
        "tagger_kd",
        "ud_ewt/tagger_kd",
        ("ud_ewt/transformer_token",),
        "99.4 %",
        other_teachers=("ud_ewt/transformer_token-3e-5", "ud_ewt/transformer_token-1e-4"),
    ),
}


def _in_precision(teacher: Sequence[str], precision: Precision) -> tuple[str, ...]:
    keys = ("precision", "teacher_precision") if teacher[0] == "tagger_kd" else ("precision",)
    return (*teacher, *set_precision(precision, *keys))


def write_little_gold() -> None:
    """Write every tenth train sentence of WNUT17."""
    path = ROOT / LITTLE
    if path.is_file():
        return
    sentences = list(read_conll(ROOT / DATA / "wnut17/train.conll", ReadContext()))[::10]
    blocks = (
        "\n".join(f"{word}\t{tag}" for word, tag in zip(sentence.words, sentence.tags or (), strict=True))
        for sentence in sentences
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")


def is_finished(run: str) -> bool:
    """Return whether ``run`` has scores."""
    return (ROOT / "runs" / run / "scores.json").is_file()


def table() -> list[str]:
    """Return a table line for each finished teacher and row."""
    lines = ["| what | dev | test | share of the teacher's | goal | divergence | steps | parameters | command |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---:|---|"]
    for run, arguments in TEACHERS.items():
        if is_finished(run):
            values = scores(run)
            lines.append(
                f"| teacher, {run} | {value(run, 'dev'):.2f} | {value(run):.2f} | | | | {values['steps']:,} "
                f"| {values['parameters']:,} "
                f"| `nlptrain {shlex.join(_in_precision(arguments, precision_of(run)))}` |"
            )
    for row in ROWS.values():
        done = row.finished()
        if done and all(map(is_finished, row.teachers)):
            lines.append(_line(row, done))
    return lines


def _line(row: Row, done: Sequence[str]) -> str:
    base = statistics.mean(map(value, row.teachers))
    shares = [100 * value(run) / base for run in done]
    all_scores = [scores(run) for run in done]
    seeds = "1 seed" if len(done) == 1 else f"{len(done)} seeds"
    steps = " to ".join(f"{count:,}" for count in sorted({values["steps"] for values in all_scores}))
    divergences = [values["divergence"]["dev"] for values in all_scores if "divergence" in values]
    return (
        f"| {row.title}, {seeds} | {spread(done, 'dev')} "
        f"| {spread(done)} | {format_mean(shares, 1)} % | {row.goal} "
        f"| {f'{statistics.mean(divergences):.4f}' if divergences else ''} | {steps} "
        f"| {all_scores[0]['parameters']:,} "
        f"| `nlptrain {shlex.join(row.arguments(precision_of(done[0])))}` |"
    )


def write() -> None:
    """Write the finished rows into docs/results/accuracy.md."""
    replace_between(OUT, BEGIN, END, "\n".join(table()))


def run(chosen: Sequence[Row], jobs: int, precision: Precision) -> None:
    """Train ``chosen`` and their teachers, ``jobs`` at a time; write the table after each of them."""
    needed = dict.fromkeys(ROWS[name] for row in chosen for name in row.needs)
    if missing := [row for row in needed if not all(is_finished(f"{row.folder}/seed-{seed}") for seed in SEEDS)]:
        run(missing, jobs, precision)
    lock = Lock()

    def train_and_write(arguments: Sequence[str]) -> None:
        train(arguments, 1 if jobs > 1 else 2)
        with lock:
            write()

    def train_each(commands: Sequence[Sequence[str]]) -> None:
        with ThreadPoolExecutor(jobs) as pool:
            for future in [pool.submit(train_and_write, command) for command in commands]:
                future.result()

    teachers = dict.fromkeys(name for row in chosen for name in (*row.teachers, *row.other_teachers))
    train_each([_in_precision(TEACHERS[name], precision) for name in teachers if not is_finished(name)])
    train_each([row.arguments(precision) for row in chosen])


def main() -> None:
    """Train the rows and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"default: all of {', '.join(ROWS)}")
    parser.add_argument("--jobs", type=int, default=2, help="runs in parallel (default: 2)")
    add_precision(parser)
    parser.add_argument("--write", action="store_true", help="train nothing; write the finished rows")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.rows if name not in ROWS]:
        parser.error(f"no row {', '.join(unknown)}; choose from {', '.join(ROWS)}")
    write_little_gold()
    if arguments.write:
        write()
    else:
        run([ROWS[name] for name in arguments.rows] or list(ROWS.values()), arguments.jobs, arguments.precision)
    print(f"written: {Path(OUT).relative_to(ROOT)}")


if __name__ == "__main__":
    main()
