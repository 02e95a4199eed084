"""The file of ``nlptrain label`` on a Ray cluster: the actors label and write its parts, this process joins them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from nlptrain.atomic_files import replacing, write_errors
from nlptrain.data.formats import WriteContext
from nlptrain.data.formats.registry import SentenceCounter, write_gold
from nlptrain.data.sentence import Sentence
from nlptrain.data.text_files import is_gz
from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.labeled_text import pickled_sentences
from nlptrain.distillation.ray_engine import RayEngine
from nlptrain.distillation.teachers.teacher import Teacher
from nlptrain.run.run import Run

# Formats whose files can be written in parts, one after the other: they have neither a header nor numbers of sentences.
_DIVISIBLE = ("conll", "conllu", "jsonl", "entities", "prodigy", "doccano")
_LOG_SECONDS = 20


def write_with_actors(
    engine: RayEngine, store: BlockStore, teacher: Teacher, out: Path, target: str, context: WriteContext, run: Run
) -> SentenceCounter:
    """Write all sentences of the text that ``engine`` has cut, and whose blocks are stored, to the file ``out``.

    For formats that cannot be written in parts, and for compressed files, the actors return the labeled sentences, and
    this process writes them.

    Args:
        engine: whose actors have labeled the text.
        store: that of the teacher.
        teacher: that has labeled them.
        out: the new file.
        target: its format.
        context: the options; it counts what the format cannot hold.
        run: receives log lines.

    Raises:
        InputError: the file cannot be written, or a sentence in this format.
    """
    out = out.resolve()  # a link stays a link
    is_divisible = target in _DIVISIBLE and not is_gz(out)
    counter, logged = SentenceCounter(), time.monotonic()
    with write_errors(out), _new_folder(out.with_name(f".{out.name}.parts")) as folder:
        parts = [folder / str(index) for index in range(engine.number_of_ranges)]
        with closing(engine.labeled_ranges(store, teacher, target if is_divisible else None)) as ranges:
            for count, (index, written) in enumerate(ranges, start=1):
                parts[index].write_bytes(written.content)
                counter.sentences, counter.words = counter.sentences + written.sentences, counter.words + written.words
                context.lost += written.lost
                if time.monotonic() - logged > _LOG_SECONDS:
                    logged = time.monotonic()
                    run.log(f"{out.name}: {count:,} of {len(parts):,} ranges written, {counter.sentences:,} sentences")
        if is_divisible:
            _join(parts, out)
        else:
            write_gold(_sentences(parts), out, target, context)
    return counter


def _join(parts: list[Path], out: Path) -> None:
    with replacing(out) as whole, whole.open("wb") as file:
        for part in parts:
            with part.open("rb") as content:
                shutil.copyfileobj(content, file)
            part.unlink()


def _sentences(parts: list[Path]) -> Iterator[Sentence]:
    for part in parts:
        yield from pickled_sentences(part)
        part.unlink()


@contextmanager
def _new_folder(folder: Path) -> Iterator[Path]:
    """Create ``folder`` for this block; what a killed command has left there is removed."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
