"""Measure that memory does not grow with the text: python -m scripts.check_memory RUN GOLD_FILE [ROWS...].

Writes ROWS sentences as Parquet (default: 10,000, 100,000, 1,000,000): those of GOLD_FILE repeatedly, with a number
after each first word, so that no two are equal. `convert` writes them as JSON Lines, `evaluate` scores RUN on them, and
`tagger_kd` labels their words with RUN, and is stopped after that. Memory is RssAnon, the memory of a process without
mapped files; one thread. With `tiny` instead of RUN, the teacher is a BERT with two layers of 16, trained for 1 epoch.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

import torch
import yaml
from transformers import BertConfig, BertModel, BertTokenizer

from nlptrain.data.corpus import Corpus
from nlptrain.data.formats import WriteContext
from nlptrain.data.formats.registry import write_gold
from nlptrain.data.sentence import Sentence
from nlptrain.run.run import silence_libraries

ROWS = (10_000, 100_000, 1_000_000)
_POLL_SECONDS = 0.05


def sentences(path: str) -> Iterator[Sentence]:
    """Yield the sentences of a gold file endlessly, no two of them equal."""
    corpus = list(Corpus(path))
    for repetition in count():
        for sentence in corpus:
            yield replace(sentence, words=(f"{sentence.words[0]}{repetition or ''}", *sentence.words[1:]))


def measured(command: Sequence[str], until: tuple[Path, str] | None = None) -> tuple[float, int]:
    """Return the seconds and the peak RssAnon in bytes of a command, which is stopped when a file contains a text."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    started, peak = time.perf_counter(), 0
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8") as errors,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, env=environment) as process,
    ):
        while process.poll() is None:
            with suppress(OSError, IndexError, ValueError):  # the process has just ended
                status = Path(f"/proc/{process.pid}/status").read_text()
                peak = max(peak, 1024 * int(status.partition("RssAnon:")[2].split()[0]))
            if until is not None and until[0].is_file() and until[1] in until[0].read_text(encoding="utf-8"):
                process.kill()
                process.wait()
                return time.perf_counter() - started, peak
            time.sleep(_POLL_SECONDS)
        if process.returncode or until is not None:
            errors.seek(0)
            raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}\n{errors.read()}")
    return time.perf_counter() - started, peak


def labeling(run: str, gold: str, raw: Path, output: Path) -> Path:
    """Write the configuration of a student that learns from ``run`` on ``raw``."""
    values = {
        "teacher": run,
        "data": {"dev": gold, "unlabeled": str(raw)},
        "student": {"embedder": {"init": "random"}},
        "augment": "none",
        "device": "cpu",
        "output_dir": str(output),
        "transfer_dir": f"{output}-transfer",
    }
    path = output.with_suffix(".yaml")
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    return path


def tiny_teacher(gold: str, folder: Path) -> str:
    """Train a BERT with two layers of 16 and a token for each word of ``gold`` for one epoch; return its folder."""
    words = sorted({word.lower() for sentence in Corpus(gold) for word in sentence.words})
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    vocabulary = {token: token_id for token_id, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = BertTokenizer(vocab=vocabulary, do_lower_case=True)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32
    )
    torch.manual_seed(0)
    silence_libraries()
    BertModel(config).save_pretrained(folder / "tiny")
    tokenizer.save_pretrained(folder / "tiny")
    values = {
        "model": str(folder / "tiny"),
        "data": {"train": gold},
        "train": {"epochs": 1, "learning_rate": 0.01},
        "device": "cpu",
        "output_dir": str(folder / "teacher"),
    }
    path = folder / "teacher.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "nlptrain", "transformer_token", str(path)], check=True, capture_output=True)
    return str(folder / "teacher")


def main(run: str, gold: str, *sizes: str) -> None:
    """Print one line per command and size."""
    with tempfile.TemporaryDirectory() as folder:
        run = tiny_teacher(gold, Path(folder)) if run == "tiny" else run
        for size in map(int, sizes) if sizes else ROWS:
            path, out = Path(folder) / f"{size}.parquet", Path(folder) / f"{size}.jsonl"
            write_gold(
                islice(sentences(gold), size), path, "parquet", WriteContext("iob2", has_ids=False, has_texts=False)
            )
            student = labeling(run, gold, path, Path(folder) / f"student-{size}")
            log = Path(folder) / f"student-{size}" / "log.txt"
            for name, arguments, until in (
                ("convert", (path, out), None),
                ("evaluate", (run, path, "--device", "cpu"), None),
                ("tagger_kd", (student,), (log, " sentences reused, ")),
            ):
                seconds, peak = measured([sys.executable, "-m", "nlptrain", name, *map(str, arguments)], until)
                print(f"{name}: {size:,} sentences: {seconds:.1f} s, {peak / 1e6:.0f} MB", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
