"""Train what docs/accuracy.md says of test sets: python -m scripts.shares [ROWS...] [--jobs 2].

A row is a student of three seeds and the teacher whose score it is measured by. Every run is a command that anyone can
give; a finished one is found again, an interrupted one goes on. Test sets are read once a run, when it is done.
"""

from __future__ import annotations

import argparse
import shlex
import statistics
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from nlptrain.config.data import ColumnsConfig
from nlptrain.data.formats.conll import read_conll
from scripts.runs import (
    DATA,
    ROOT,
    Precision,
    add_precision,
    between,
    precision_of,
    scores,
    set_precision,
    shown,
    spread,
    train,
    value,
)

OUT = ROOT / "docs/accuracy.md"
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
        what: for the table.
        command: its own.
        config: the file, without .yaml, below configs.
        teachers: the runs whose mean test score is 100 %.
        aim: the share that was wished for.
        beside: other teachers that are trained before it, its own or some to compare with.
        needs: rows that are trained first, for teachers in ``beside`` learn from them.
    """

    what: str
    command: str
    config: str
    teachers: tuple[str, ...]
    aim: str
    beside: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()

    def arguments(self, precision: Precision) -> list[str]:
        """The command for all seeds."""
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
        """Of all its seeds, below runs."""
        return f"{self.config}-seeds"

    def finished(self) -> list[str]:
        """Its seeds that have scores; without any, the run of its file alone, if it has."""
        seeds = [f"{self.folder}/seed-{seed}" for seed in SEEDS]
        return list(filter(is_finished, seeds)) or list(filter(is_finished, [self.config]))


MINILM = ("wnut17/transformer_token",)
ROWS = {
    "default": Row("gold and raw text: the default", "tagger_kd", "wnut17/tagger_kd", MINILM, "99 %"),
    "softmax": Row("the default without a CRF", "tagger_kd", "wnut17/tagger_kd-softmax", MINILM, ""),
    "control": Row("the control: gold alone, no teacher, as many steps", "tagger", "wnut17/tagger", MINILM, "14 below"),
    "control-1layer": Row("the control with one layer, as the student", "tagger", "wnut17/tagger-1layer", MINILM, ""),
    "made": Row(
        "train sentences alone, with synthetic sentences", "tagger_kd", "wnut17/tagger_kd-made", MINILM, "85 %"
    ),
    "made-softmax": Row("the same without a CRF", "tagger_kd", "wnut17/tagger_kd-made-softmax", MINILM, ""),
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
        beside=("wnut17/refined",),
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
        beside=("ud_ewt/transformer_token-3e-5", "ud_ewt/transformer_token-1e-4"),
    ),
}


def _in_precision(teacher: Sequence[str], precision: Precision) -> tuple[str, ...]:
    keys = ("precision", "teacher_precision") if teacher[0] == "tagger_kd" else ("precision",)
    return (*teacher, *set_precision(precision, *keys))


def write_little_gold() -> None:
    """Every tenth train sentence of WNUT17."""
    path = ROOT / LITTLE
    if path.is_file():
        return
    sentences = list(read_conll(ROOT / DATA / "wnut17/train.conll", ColumnsConfig()))[::10]
    blocks = (
        "\n".join(f"{word}\t{tag}" for word, tag in zip(one.words, one.tags or (), strict=True)) for one in sentences
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")


def is_finished(run: str) -> bool:
    """Whether ``run`` has scores."""
    return (ROOT / "runs" / run / "scores.json").is_file()


def table() -> list[str]:
    """A line for each teacher and each row that is finished."""
    lines = ["| what | dev | test | share of the teacher's | goal | divergence | steps | parameters | command |"]
    lines += ["|---|---:|---:|---:|---:|---:|---:|---:|---|"]
    for run, arguments in TEACHERS.items():
        if is_finished(run):
            found = scores(run)
            lines.append(
                f"| teacher, {run} | {value(run, 'dev'):.2f} | {value(run):.2f} | | | | {found['steps']:,} "
                f"| {found['parameters']:,} "
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
    found = [scores(run) for run in done]
    seeds = "1 seed" if len(done) == 1 else f"{len(done)} seeds"
    steps = " to ".join(f"{number:,}" for number in sorted({one["steps"] for one in found}))
    distances = [one["divergence"]["dev"] for one in found if "divergence" in one]
    return (
        f"| {row.what}, {seeds} | {spread(done, 'dev')} "
        f"| {spread(done)} | {shown(shares, 1)} % | {row.aim} "
        f"| {f'{statistics.mean(distances):.4f}' if distances else ''} | {steps} "
        f"| {found[0]['parameters']:,} "
        f"| `nlptrain {shlex.join(row.arguments(precision_of(done[0])))}` |"
    )


def write() -> None:
    """Put what is finished into docs/accuracy.md."""
    between(OUT, BEGIN, END, "\n".join(table()))


def run(chosen: Sequence[Row], jobs: int, precision: Precision) -> None:
    """Train ``chosen`` and their teachers, ``jobs`` at a time; the table is written anew behind each of them."""
    needed = dict.fromkeys(ROWS[name] for row in chosen for name in row.needs)
    if missing := [row for row in needed if not all(is_finished(f"{row.folder}/seed-{seed}") for seed in SEEDS)]:
        run(missing, jobs, precision)
    lock = Lock()

    def all_of(works: Sequence[Callable[[], None]]) -> None:
        with ThreadPoolExecutor(jobs) as pool:
            for done in [pool.submit(work) for work in works]:
                done.result()

    def work(arguments: Sequence[str]) -> Callable[[], None]:
        def one() -> None:
            train(arguments, 1 if jobs > 1 else 2)
            with lock:
                write()

        return one

    teachers = dict.fromkeys(name for row in chosen for name in (*row.teachers, *row.beside))
    all_of([work(_in_precision(TEACHERS[name], precision)) for name in teachers if not is_finished(name)])
    all_of([work(row.arguments(precision)) for row in chosen])


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"default: all of {', '.join(ROWS)}")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side (default: 2)")
    add_precision(parser)
    parser.add_argument("--write", action="store_true", help="train nothing; write what is finished")
    given = parser.parse_args()
    if unknown := [name for name in given.rows if name not in ROWS]:
        parser.error(f"no row {', '.join(unknown)}; choose from {', '.join(ROWS)}")
    write_little_gold()
    if given.write:
        write()
    else:
        run([ROWS[name] for name in given.rows] or list(ROWS.values()), given.jobs, given.precision)
    print(f"written: {Path(OUT).relative_to(ROOT)}")


if __name__ == "__main__":
    main()
