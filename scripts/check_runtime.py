"""Compare a run with its export where torch is not installed: python -m scripts.check_runtime RUN FILES...

FILES are raw text, or gold files whose words are joined by blanks. The environment is made anew, of nothing but
`./runtime` and what it asks for; its size is said, and how long a first answer takes there from a cold start.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path
from tempfile import TemporaryDirectory

from nlptrain.data.corpus import Corpus
from nlptrain.data.text_files import expand_paths, read_lines
from nlptrain.export.export import export_onnx
from nlptrain.models import load_token_model
from nlptrain.models.prediction import predict

COLD_STARTS = 7


def texts_of(files: list[str]) -> list[str]:
    """The lines of raw files, and the sentences of gold ones."""
    found: list[str] = []
    for path in expand_paths(files):
        if path.suffix == ".txt":
            found += [line for _, line in read_lines(path)]
        else:
            found += [" ".join(sentence.words) for sentence in Corpus(str(path))]
    return found


def environment(folder: Path) -> Path:
    """A fresh environment with the runtime alone; the folder of its programs."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "-q", "./runtime"], check=True, stderr=subprocess.DEVNULL)
    # What installed it is not needed to run it.
    subprocess.run([str(python), "-m", "pip", "uninstall", "-q", "-y", "setuptools", "pip"], check=False)
    return folder / "bin"


def megabytes(folder: Path) -> float:
    """What the files in ``folder`` take."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


def cold_start(command: list[str]) -> float:
    """Seconds from the start of a process to the end of its first answer, the median of several."""
    taken = []
    for _ in range(COLD_STARTS + 1):
        started = time.perf_counter()
        subprocess.run(command, input=b"Ada Lovelace lived in London.\n", check=True, capture_output=True)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken[1:])  # the first reads the disk


def main(arguments: list[str]) -> None:
    """Compare, and print what was found."""
    run, *files = arguments
    texts = texts_of(files)
    model = load_token_model(run)
    wanted = list(predict(model, texts))
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "exported"
        export_onnx(model, folder, ["fp32"], log=print)
        programs = environment(Path(temporary) / "env")
        print(f"environment without torch: {megabytes(programs.parent):.0f} MB")
        tag = [str(programs / "nlptrain-tag"), str(folder)]
        done = subprocess.run(tag, input="\n".join(texts).encode() + b"\n", check=True, capture_output=True)
        found = [json.loads(line) for line in done.stdout.decode().split("\n")[:-1]]
        print(f"cold start to the first answer: {cold_start(tag):.2f} s, python alone {python_alone(programs):.2f} s")
    name = "words" if "words" in wanted[0] else "entities"
    same = sum(bare(one[name]) == bare(other[name]) for one, other in zip(wanted, found, strict=True))
    parts = sum(len(answer[name]) for answer in wanted)
    print(f"{same:,} of {len(texts):,} texts have the same {name} at the same places ({parts:,} in all)")


def bare(parts: list[dict[str, object]]) -> list[dict[str, object]]:
    """``parts`` without confidences, whose last digit may differ."""
    return [{key: value for key, value in part.items() if key != "confidence"} for part in parts]


def python_alone(programs: Path) -> float:
    """What a process takes that imports numpy and nothing else."""
    return cold_start([str(programs / "python"), "-c", "import numpy, sys; sys.stdin.read()"])


if __name__ == "__main__":
    main(sys.argv[1:])
