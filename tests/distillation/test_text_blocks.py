"""Of a long text, as many blocks are sampled as the training reads; an inserted line changes one or two of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nlptrain.data.blocks import cut_blocks
from nlptrain.data.sentence import Sentence
from nlptrain.distillation.text_blocks import all_blocks, sample_blocks
from nlptrain.errors import InputError
from tests.helpers.transfer_sets import fixed_blocks


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    fixed_blocks(monkeypatch, 10)


TEXT = [Sentence((f"w{n}", "."), where=f"raw.txt:{n}", text=f"w{n}.", weight=1 + n // 500) for n in range(1000)]


def test_as_many_blocks_as_needed_in_the_order_of_the_text() -> None:
    fixed = list(cut_blocks(TEXT))
    order = [block.name for block in fixed]
    for planned in (1, 10, 11, 355, 1000, 5000):
        sampled, total = sample_blocks(TEXT, planned, 0)
        assert total == 1000
        assert sum(block.sentences for block in sampled) == min(1000, -(-planned // 10) * 10)
        positions = [order.index(block.name) for block in sampled]
        assert positions == sorted(set(positions))
        for block in sampled:
            loaded, original = block.load(), fixed[order.index(block.name)]
            assert loaded.name == block.name
            assert loaded.texts == original.texts
            assert list(loaded.sentences) == [replace(s, where=loaded.sentences[0].where) for s in original.sentences]
            assert (block.weight, block.is_synthetic) == (original.weight, False)


def test_name_and_seed_decide() -> None:
    sampled = [{block.name for block in sample_blocks(TEXT, 300, seed)[0]} for seed in (0, 0, 1)]
    assert sampled[0] == sampled[1] != sampled[2]
    assert sampled[0] == {block.name for block in sample_blocks(TEXT[500:] + TEXT[:500], 300, 0)[0]}
    more = {block.name for block in sample_blocks(TEXT, 500, 0)[0]}
    assert sampled[0] < more  # what a short training reads, a long one reads, too
    inserted = [*TEXT[:5], Sentence(("new",), where="raw.txt:5"), *TEXT[5:9], *TEXT[10:]]
    assert len(sampled[0] - {block.name for block in sample_blocks(inserted, 300, 0)[0]}) <= 2


def test_stored_blocks_are_not_kept() -> None:
    sampled, _ = sample_blocks(TEXT, 300, 0, is_stored=lambda name: True)
    with pytest.raises(InputError, match="transfer_dir: a block was removed while this run started; give the same"):
        sampled[0].load()


def test_repeated_blocks_come_once() -> None:
    assert len(list(all_blocks([*TEXT, *TEXT]))) == 100
    sampled, total = sample_blocks([*TEXT, *TEXT], 1500, 0)
    assert (len(sampled), total) == (100, 2000)


def test_synthetic_sentences_are_distinguished() -> None:
    synthetic = [Sentence((f"s{n}",), where=f"augment:{n}") for n in range(20)]
    sampled, _ = sample_blocks([*TEXT[:20], *synthetic], 100, 0)
    assert [block.is_synthetic for block in sampled] == [False, False, True, True]
