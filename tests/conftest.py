"""A tiny pretrained transformer and tiny corpora, which need seconds and no network."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from nlptrain import urls
from tests.helpers.command_server import CommandServer
from tests.helpers.corpora import make_sentences, write_corpus

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Skip modules that are slow as a whole if slow tests are deselected: their imports take seconds."""
    if "not slow" in config.option.markexpr and collection_path.name.startswith("test_"):
        if re.search(r"^pytestmark = .*\.slow\b", collection_path.read_text(encoding="utf-8"), re.MULTILINE):
            return True
    return None


@pytest.fixture(autouse=True)
def _forget_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget the credentials of URLs in other tests, which would be hidden in all messages of this process."""
    monkeypatch.setattr(urls, "_full_urls", {})
    monkeypatch.setattr(urls, "_secrets", set())


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a 2-layer BERT with random weights and its tokenizer; it reads 64 tokens at once."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("models") / "tiny_bert"
    words = {word.lower() for words, _ in make_sentences(200, 0) for word in words}
    tokens = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *sorted(words),
        *"abcdefghijklmnopqrstuvwxyz-@#&",
        *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz"),
    ]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    tokenizer.enable_truncation(16)  # as in MiniLM's file; nothing may be truncated by it
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    )
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def command_server() -> Iterator[CommandServer]:
    """Starts commands in processes of their own without the time of their imports."""
    server = CommandServer()
    yield server
    server.close()


@pytest.fixture
def forked_commands(command_server: CommandServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let scripts and ``nlptrain run`` start their commands in the same way."""
    folders = (command_server.python.parent, Path(sys.executable).parent, os.environ["PATH"])
    monkeypatch.setenv("PATH", os.pathsep.join(map(str, folders)))
    monkeypatch.setattr(sys, "executable", str(command_server.python))


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Write train, dev and test as CoNLL files, and raw text."""
    return write_corpus(tmp_path)


@pytest.fixture
def tag(monkeypatch):
    """Return a function that runs ``nlptrain-tag`` on standard input and returns its exit code and standard output."""

    from nlptrain_runtime.command import main

    def run(arguments: list[str], stdin: bytes = b"") -> tuple[int, bytes]:
        out = io.BytesIO()
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(stdin), isatty=lambda: False))
        monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=out))
        return main(arguments), out.getvalue()

    return run
