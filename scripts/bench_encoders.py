"""Measure F1 and speed of students with different encoders: python -m scripts.bench_encoders [--jobs 2].

Each is trained on WNUT17 with three seeds and selected on dev; only those of docs/results/accuracy.md read the test
set. The first seed of each is exported to int8, and all are timed in turns with the teacher. Writes the table and the
picture of docs/results/speed.md. Finished runs are not repeated, interrupted ones resume.
"""

from __future__ import annotations

import argparse
import math
import shutil
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from nlptrain.data.corpus import Corpus
from nlptrain.data.text_files import expand_paths, read_lines
from nlptrain.deployment.benchmark import Speed, measure_speeds, open_candidates
from nlptrain.deployment.export import ReferencePredictions
from nlptrain.models import load_token_model
from nlptrain.models.exported import write_tagger
from nlptrain_runtime import Tagger
from scripts.runs import DATA, ROOT, format_mean, replace_between, train_all, value

OUT, PICTURE = ROOT / "docs/results/speed.md", ROOT / "docs/results/speed.svg"
BEGIN, END = "<!-- students of python -m scripts.bench_encoders: begin -->", "<!-- end of the students -->"
TEACHER = "wnut17/transformer_token"
SEEDS = (0, 1, 2)
ROUNDS = 5
ONE, TWO = "student.encoder.layers=1", "student.encoder.layers=2"
HIDDEN, POOLED = "student.encoder.hidden=64", "student.embedder.kind=pooled"
ROWS = {  # of scripts.shares
    "lstm 1x128: the default": "wnut17/tagger_kd",
    "lstm 1x64, pooled: tagger_kd-fast": "wnut17/tagger_kd-fast",
    "lstm 1x64, pooled, 9,000 rows of 32: tagger_kd-tiny": "wnut17/tagger_kd-tiny",
}
STUDENTS: dict[str, tuple[str, ...]] = {
    "lstm 1x128: the default": (),
    "lstm 2x128": (TWO,),
    "lstm 1x64": (ONE, HIDDEN),
    "lstm 1x128, pooled": (POOLED, ONE),
    "lstm 1x64, pooled: tagger_kd-fast": (),
    "lstm 1x64, pooled, 10,000 rows": (POOLED, ONE, HIDDEN, "student.embedder.vocab_size=10000"),
    "lstm 1x64, pooled, 9,000 rows of 32: tagger_kd-tiny": (),
}


@dataclass(frozen=True)
class Point:
    """A model in the picture.

    Attributes:
        name: name of the model.
        speed: the measurement.
        scores: dev F1 of each seed, in points.
    """

    name: str
    speed: Speed
    scores: list[float]


def folder(name: str) -> str:
    """Return the folder of a student's seeds, below runs/."""
    if name in ROWS:
        return f"{ROWS[name]}-seeds"
    plain = "".join(letter if letter.isalnum() else "-" for letter in name.partition(":")[0])
    return f"wnut17/encoders/{'-'.join(filter(None, plain.split('-')))}"


def command(name: str) -> list[str]:
    """Return the command that trains a student."""
    settings: tuple[str, ...] = ("transfer_dir=runs/wnut17/transfer", "seeds=[0,1,2]")
    if name not in ROWS:
        settings = ("data.test=null", *settings, *STUDENTS[name])
    options = [part for setting in settings for part in ("--set", setting)]
    config = f"configs/{ROWS.get(name, 'wnut17/tagger_kd')}.yaml"
    return ["tagger_kd", config, *options, "--output-dir", f"runs/{folder(name)}"]


def measure() -> Iterator[Point]:
    """Measure the teacher and all students in turns."""
    texts = [line for path in expand_paths(f"{DATA}/wnut17/raw/*.txt") for _, line in read_lines(path)]
    exported = []
    for run in (TEACHER, *(f"{folder(name)}/seed-0" for name in STUDENTS)):
        target = ROOT / "runs/peers/encoders" / run.replace("/", "-")
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_tagger(load_token_model(str(ROOT / "runs" / run)), target, ("int8",))
        exported.append(str(target))
    reference = ReferencePredictions(
        load_token_model(str(ROOT / "runs" / TEACHER)), list(Corpus(f"{DATA}/wnut17/dev.conll"))
    )
    int8_score = reference.compare(Tagger(exported[0]), "int8").score
    assert int8_score is not None
    with ExitStack() as stack:
        candidates = stack.enter_context(open_candidates([str(ROOT / "runs" / TEACHER)], threads=1, exported=()))
        candidates += stack.enter_context(open_candidates(exported, threads=1, exported=()))
        teacher, int8_teacher, *speeds = measure_speeds(
            candidates, texts, rounds=ROUNDS, log=lambda text: print(text, file=sys.stderr)
        )
    yield Point("MiniLM, the teacher, torch", teacher, [value(TEACHER, "dev")])
    yield Point("MiniLM, the teacher, int8", int8_teacher, [int8_score])
    for name, speed in zip(STUDENTS, speeds, strict=True):
        yield Point(name, speed, [value(f"{folder(name)}/seed-{seed}", "dev") for seed in SEEDS])


def table(points: list[Point]) -> str:
    """Return the table, a row for each model."""
    base = next(point.speed for point in points if point.name in STUDENTS)
    rows = [
        "| model | dev F1 | words/s | times the default | 20 words, p50 | MB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for point in points:
        speed = point.speed
        rows.append(
            f"| {point.name} | {format_mean(point.scores, 1)} | {speed.words_per_second:,.0f} "
            f"| {speed.words_per_second / base.words_per_second:.2f} | {speed.p50:.2f} ms | {speed.size / 1e6:.1f} |"
        )
    return "\n".join(rows)


def picture(points: list[Point]) -> str:
    """Draw F1 over words per second as SVG, the range of the seeds as lines."""
    width, height, left, right, top, bottom = 940, 440, 60, 300, 20, 50
    rates = [point.speed.words_per_second for point in points]
    low, high = math.floor(math.log10(min(rates)) * 4) / 4, math.ceil(math.log10(max(rates)) * 4) / 4
    every = [score for point in points for score in point.scores]
    least, most = math.floor(min(every)) - 0.5, math.ceil(max(every)) + 0.5

    def across(rate: float) -> float:
        return left + (math.log10(rate) - low) / (high - low) * (width - left - right)

    def up(score: float) -> float:
        return top + (most - score) / (most - least) * (height - top - bottom)

    text = '<text font-family="sans-serif" font-size="13" fill="#333"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
        "<title>dev F1 against words per second</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for power in range(math.floor(low), math.floor(high) + 1):
        for times in (1, 2, 5):
            if low <= math.log10(times * 10**power) <= high:
                x = across(times * 10**power)
                parts.append(f'<path d="M{x:.1f} {top}V{height - bottom}" stroke="#ddd"/>')
                parts.append(f'{text} x="{x:.1f}" y="{height - 30}" text-anchor="middle">{times * 10**power:,}</text>')
    for score in range(math.ceil(least), math.floor(most) + 1):
        parts.append(f'<path d="M{left} {up(score):.1f}H{width - right}" stroke="#ddd"/>')
        parts.append(f'{text} x="{left - 8}" y="{up(score) + 4:.1f}" text-anchor="end">{score}</text>')
    middle, half = (left + width - right) / 2, (top + height - bottom) / 2
    parts.append(f'{text} x="{middle}" y="{height - 8}" text-anchor="middle">words per second, one thread</text>')
    parts.append(f'{text} x="14" y="{half}" transform="rotate(-90 14 {half})" text-anchor="middle">dev F1</text>')
    for index, point in enumerate(points, start=1):
        x, mean = across(point.speed.words_per_second), statistics.mean(point.scores)
        colour = "#1668a8" if point.name in STUDENTS else "#b03a2e"
        parts.append(f'<path d="M{x:.1f} {up(min(point.scores)):.1f}V{up(max(point.scores)):.1f}" stroke="{colour}"/>')
        parts.append(f'<circle cx="{x:.1f}" cy="{up(mean):.1f}" r="5" fill="{colour}"/>')
        parts.append(f'{text} x="{x + 8:.1f}" y="{up(mean) - 5:.1f}">{index}</text>')
        shown_name = f"{index}  {point.name.partition(':')[0]}"
        parts.append(f'{text} x="{width - right + 20}" y="{top + 22 * index}">{shown_name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    """Train, measure and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--jobs", type=int, default=1, help="trainings in parallel (default: 1)")
    train_all([command(name) for name in STUDENTS], parser.parse_args().jobs)
    points = list(measure())
    replace_between(OUT, BEGIN, END, table(points))
    PICTURE.write_text(picture(points), encoding="utf-8")
    print(table(points))


if __name__ == "__main__":
    main()
