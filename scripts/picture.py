"""Draw docs/results/f1-speed.svg from the first table of docs/results/speed.md: python -m scripts.picture."""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from scripts.runs import ROOT

PAGE, OUT = ROOT / "docs/results/speed.md", ROOT / "docs/results/f1-speed.svg"
WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 56, 70, 44, 60
RATES = (100, 1_000_000)  # words per second
SCORES = (10, 50)  # F1 in points
# Rows of the table with the label in the picture, its position (x, y, anchor) relative to the point, and the color.
LABELS = {
    "MiniLM, the teacher, torch": ("MiniLM, the teacher", (0, -12, "middle"), "teacher"),
    "spaCy 3.8 `ner`, `efficiency`, trained on the same sentences": ("spaCy ner", (0, -12, "middle"), "other"),
    "student `lstm 1x128`, int8: the default": ("student, the default", (-10, -6, "end"), "student"),
    "student `tagger_kd-fast`, int8": ("student, fast", (10, -4, "start"), "student"),
    "student `tagger_kd-tiny`, int8": ("student of 2 MB", (10, 12, "start"), "student"),
}
BASE = "BERT-base's shape, random weights, torch"
STYLE = """
svg { font: 13px system-ui, sans-serif; --paper: #fff; --ink: #24292f; --grid: #d8dee4; }
svg { --student: #0969da; --teacher: #bc4c00; --other: #6e7781; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #161b22; --ink: #e6edf3; --grid: #30363d; --student: #58a6ff; --teacher: #f0883e; --other: #8b949e; }
}
text { fill: var(--ink); }
.grid { stroke: var(--grid); }
.base { stroke: var(--other); stroke-dasharray: 5 4; }
.student { fill: var(--student); } .teacher { fill: var(--teacher); } .other { fill: var(--other); }
"""


class Row(NamedTuple):
    """A row of the table; the F1 is None for a network without training."""

    rate: float
    score: float | None


def read_rows(text: str) -> dict[str, Row]:
    """Return the rows of the table of models, by the name of the model."""
    rows = {}
    for line in text.partition("## Compared with")[2].partition("\n## ")[0].split("\n"):
        cells = [cell.strip().replace("**", "") for cell in line.strip("|").split("|")]
        if len(cells) > 3 and re.fullmatch(r"[\d,]+", cells[2]):
            rows[cells[0]] = Row(float(cells[2].replace(",", "")), float(cells[1]) if cells[1] else None)
    return rows


def across(rate: float) -> float:
    """Return the x coordinate of a speed, on a logarithmic scale."""
    low, high = map(math.log10, RATES)
    return LEFT + (math.log10(rate) - low) / (high - low) * (WIDTH - LEFT - RIGHT)


def up(score: float) -> float:
    """Return the y coordinate of a score."""
    low, high = SCORES
    return HEIGHT - BOTTOM - (score - low) / (high - low) * (HEIGHT - TOP - BOTTOM)


def text_at(x: float, y: float, text: str, anchor: str = "middle") -> str:
    """Return a text element."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'


def axes() -> list[str]:
    """Return the grid with its labels."""
    parts = []
    for power in range(2, 7):
        x = across(10**power)
        parts.append(f'<path class="grid" d="M{x:.1f} {TOP}V{HEIGHT - BOTTOM}"/>')
        parts.append(text_at(x, HEIGHT - BOTTOM + 20, f"{10**power:,}"))
    for score in range(SCORES[0], SCORES[1] + 1, 10):
        parts.append(f'<path class="grid" d="M{LEFT} {up(score):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(text_at(LEFT - 8, up(score) + 4, str(score), "end"))
    parts.append(text_at((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14, "words per second on one CPU thread"))
    parts.append(text_at(LEFT - 36, 22, "F1 on WNUT17's test set", "start"))
    return parts


def picture(rows: dict[str, Row]) -> str:
    """Return the picture as SVG."""
    base = across(rows[BASE].rate)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<title>F1 on WNUT17's test set against words per second</title>",
        f"<style>{STYLE}</style>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="6" style="fill: var(--paper)"/>',
        *axes(),
        f'<path class="base" d="M{base:.1f} {TOP}V{HEIGHT - BOTTOM}"/>',
        text_at(base + 8, up(SCORES[0]) - 10, "speed of BERT-base", "start"),
    ]
    for name, (label, (dx, dy, anchor), kind) in LABELS.items():
        rate, score = rows[name]
        assert score is not None, name
        x, y = across(rate), up(score)
        parts.append(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="6"/>')
        parts.append(text_at(x + dx, y + dy, f"{label} ({score})", anchor))
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    OUT.write_text(picture(read_rows(PAGE.read_text(encoding="utf-8"))), encoding="utf-8")
    print(f"written: {OUT.relative_to(ROOT)}")
