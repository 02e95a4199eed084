"""Compare a run with its export in an environment without torch: python -m scripts.check_runtime RUN FILES...

FILES are raw text, or gold files whose words are joined by blanks. A new environment is created with `./runtime` and
its dependencies alone; the script prints its size, and the seconds from a cold start to the first prediction.
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
from nlptrain.deployment.export import export_onnx
from nlptrain.models import load_token_model
from nlptrain.models.prediction import predict_texts

COLD_STARTS = 7


def texts_of(files: list[str]) -> list[str]:
    """Return the lines of raw files, and the sentences of gold files."""
    texts: list[str] = []
    for path in expand_paths(files):
        if path.suffix == ".txt":
            texts += [line for _, line in read_lines(path)]
        else:
            texts += [" ".join(sentence.words) for sentence in Corpus(str(path))]
    return texts


def environment(folder: Path) -> Path:
    """Create an environment with the runtime alone; return the folder of its programs."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "-q", "./runtime"], check=True, stderr=subprocess.DEVNULL)
    # The installer is not needed to run it.
    subprocess.run([str(python), "-m", "pip", "uninstall", "-q", "-y", "setuptools", "pip"], check=False)
    return folder / "bin"


def megabytes(folder: Path) -> float:
    """Return the size of the files in ``folder``."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


def cold_start(command: list[str]) -> float:
    """Return the median seconds from the start of a process to its first prediction."""
    seconds = []
    for _ in range(COLD_STARTS + 1):
        started = time.perf_counter()
        subprocess.run(command, input=b"Ada Lovelace lived in London.\n", check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:])  # the first process reads the disk


def main(arguments: list[str]) -> None:
    """Print the comparison."""
    run, *files = arguments
    texts = texts_of(files)
    model = load_token_model(run)
    expected = list(predict_texts(model, texts))
    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / "exported"
        export_onnx(model, folder, ["fp32"], log=print)
        programs = environment(Path(temporary) / "env")
        print(f"environment without torch: {megabytes(programs.parent):.0f} MB")
        tag = [str(programs / "nlptrain-tag"), str(folder)]
        process = subprocess.run(tag, input="\n".join(texts).encode() + b"\n", check=True, capture_output=True)
        predictions = [json.loads(line) for line in process.stdout.decode().split("\n")[:-1]]
        print(
            f"cold start to the first prediction: {cold_start(tag):.2f} s, Python alone {python_alone(programs):.2f} s"
        )
    name = "words" if "words" in expected[0] else "entities"
    pairs = zip(expected, predictions, strict=True)
    equal = sum(
        without_confidences(of_run[name]) == without_confidences(of_export[name]) for of_run, of_export in pairs
    )
    parts = sum(len(prediction[name]) for prediction in expected)
    print(f"predictions: {equal:,} of {len(texts):,} texts have equal {name} and offsets ({parts:,} {name})")


def without_confidences(parts: list[dict[str, object]]) -> list[dict[str, object]]:
    """Return ``parts`` without confidences, whose last digit may differ."""
    return [{key: value for key, value in part.items() if key != "confidence"} for part in parts]


def python_alone(programs: Path) -> float:
    """Return the seconds of a process that only imports numpy."""
    return cold_start([str(programs / "python"), "-c", "import numpy, sys; sys.stdin.read()"])


if __name__ == "__main__":
    main(sys.argv[1:])
