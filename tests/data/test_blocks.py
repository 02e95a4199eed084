"""Blocks are cut by hashes: an inserted line changes its neighborhood alone."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from nlptrain.data import blocks
from nlptrain.data.blocks import Block, cut_blocks, is_cut
from nlptrain.data.sentence import Sentence


def text(count: int, file: str = "raw.txt") -> list[Sentence]:
    draw = random.Random(0)
    return [Sentence((f"w{draw.random()}", "."), where=f"{file}:{n}") for n in range(count)]


def test_the_rule() -> None:
    assert is_cut(bytes(16))
    assert is_cut(b"\x00\x04" + bytes(14))  # 1,024
    assert not is_cut(b"\x01\x04" + bytes(14))
    sentences = text(20_000)
    cut = list(cut_blocks(sentences))
    assert [sentence for block in cut for sentence in block.sentences] == sentences
    position = since_cut = 0
    for block in cut:
        position += len(block.sentences)
        since_cut += len(block.sentences)
        ends_by_hash = is_cut(sentences[position - 1].hash())
        assert ends_by_hash or since_cut % 4096 == 0 or position == len(sentences)
        assert not any(is_cut(value) for value in block.hashes[:-1])
        since_cut = 0 if ends_by_hash else since_cut
    assert len(cut) > 10


def test_an_inserted_sentence_changes_what_lies_between_two_cuts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "CUT_MODULUS", 16)
    monkeypatch.setattr(blocks, "MAX_SENTENCES", 20)
    sentences = text(600)
    before = [block.name for block in cut_blocks(sentences)]
    for place in range(0, 600, 37):
        changed = [*sentences[:place], Sentence(("inserted", str(place))), *sentences[place:]]
        changed = [replace(sentence, where=f"raw.txt:{n}") for n, sentence in enumerate(changed)]
        new = [block for block in cut_blocks(changed) if block.name not in before]
        hash_cuts = [n for n, sentence in enumerate(changed) if is_cut(sentence.hash())]
        first = max((n for n in hash_cuts if n < place), default=-1) + 1
        last = min((n for n in hash_cuts if n >= place), default=599)
        assert sum(len(block.sentences) for block in new) <= last - first + 1


def test_a_block_has_sentences_of_one_source() -> None:
    first, second = text(3, "a.txt"), text(3, "b.txt")
    heavy = [replace(sentence, weight=2.0) for sentence in second]
    assert [len(block.sentences) for block in cut_blocks([*first, *second, *heavy])] == [3, 3, 3]
    names = [block.name for block in cut_blocks([*first, *second, *heavy])]
    assert len(set(names)) == 1  # where a text comes from does not change its block
    assert [block.weight for block in cut_blocks([*second, *heavy])] == [1.0, 2.0]
    assert list(cut_blocks([])) == []


def test_repeats_are_stored_once_and_found_again() -> None:
    a, b, c = (Sentence((word,)) for word in "abc")
    block = Block.of([a, b, a, c, b], [sentence.hash() for sentence in (a, b, a, c, b)])
    assert (list(block.sentences), block.positions) == ([a, b, c], [0, 1, 0, 2, 1])
    assert block.name == Block.of([a, b, c], [sentence.hash() for sentence in (a, b, c)]).name


def test_the_name_depends_on_words_and_text() -> None:
    def name(*sentences: Sentence) -> str:
        return Block.of(sentences, [sentence.hash() for sentence in sentences]).name

    joined = Sentence(("Ada", "!"))
    assert name(joined) == name(Sentence(("Ada", "!"), text="Ada !")) == name(replace(joined, where="x:1"))
    assert name(joined) != name(Sentence(("Ada", "!"), text="Ada!"))
    assert name(joined) != name(Sentence(("Ada!",)))
    assert name(joined, Sentence(("b",))) != name(Sentence(("b",)), joined)
    assert len(name(joined)) == 32
