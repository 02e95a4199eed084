"""A transfer set in an object store: two jobs at once write the bytes of one local process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

from nlptrain.data.sentence import Sentence
from nlptrain.distillation.block_labeling import label_sentences
from nlptrain.distillation.block_store import BlockStore
from nlptrain.distillation.remote_blocks import RemoteBlocks
from nlptrain.distillation.teachers import TransformerTeacher
from nlptrain.models import TransformerTokenClassifier
from nlptrain.run.run import Run
from tests.helpers.commands import call
from tests.helpers.corpora import LABELS, make_sentences
from tests.helpers.s3_server import BUCKET, KEY, SECRET, s3_server
from tests.helpers.transfer_sets import fixed_blocks, label

URL = f"s3://{BUCKET}/transfer"
SENTENCES = [Sentence((*words, str(n))) for n, (words, _) in enumerate(make_sentences(40, 1))]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[fsspec.AbstractFileSystem]:
    """Serve an empty bucket."""
    with s3_server({}) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        yield fsspec.filesystem("s3", skip_instance_cache=True)
        fsspec.get_filesystem_class("s3").clear_instance_cache()


def test_two_jobs_at_once(
    tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, s3: fsspec.AbstractFileSystem
) -> None:
    model = TransformerTokenClassifier.from_pretrained(str(tiny_bert), LABELS)
    fixed_blocks(monkeypatch, 8)
    local, _ = label(tmp_path / "local", model, SENTENCES)
    expected = {path.name: path.read_bytes() for path in local.folder.glob("*.arrow")}
    teacher = TransformerTeacher(model)

    def store_of(machine: str) -> BlockStore:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / machine))  # machines have no copies in common
        return BlockStore(URL, teacher)

    def job(store: BlockStore) -> int:
        run = Run(None, device="cpu")
        run.log = lambda _: None  # type: ignore[method-assign, assignment]
        return label_sentences(store, SENTENCES, teacher, run).computed

    with ThreadPoolExecutor(2) as pool:
        computed = list(pool.map(job, [store_of("one"), store_of("two")]))
    assert sum(computed) >= len(SENTENCES)
    blocks = {path.rpartition("/")[2]: s3.cat_file(path) for path in s3.find(URL) if path.endswith(".arrow")}
    assert blocks == expected
    third = store_of("three")
    assert job(third) == 0
    assert {path.name for path in third.folder.glob("*.arrow")} == expected.keys()

    listed = json.loads(call("cache", "list", URL, "--json").stdout)["teachers"]
    assert [(teacher["key"], teacher["blocks"]) for teacher in listed] == [(third.key, len(expected))]
    s3.pipe_file(f"{URL}/{third.key}/{min(expected)}", b"damaged")
    verified = call("cache", "verify", URL)
    assert (verified.exit_code, verified.stdout) == (1, f"{len(expected) - 1} files are whole, 1 damaged\n")


@pytest.mark.usefixtures("s3")
def test_the_first_of_several_writers_counts() -> None:
    blocks = RemoteBlocks(URL, "key")
    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(lambda n: blocks.add("name", b"of writer %d" % n), range(8)))
    assert sum(added) == 1
    assert blocks.read("name") == b"of writer %d" % added.index(True)
