"""TokenModel: a token classifier and what turns words into its inputs; teacher and student are both one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from nlptrain.data.alignment import WordEncoder
from nlptrain.data.batches import cut
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.labels import Labels
from nlptrain.models.windows import WINDOW_RULE, Window, cut_windows
from nlptrain.run import quiet

SAFE_LENGTH = int(1e30)  # transformers' own word for "no limit"


class TokenModel:
    """A ``PreTrainedModel`` with [B, T, C] logits, its tokenizer, its labels and its word splitter, in one folder.

    Example:
        ``model = load_token_model("runs/demo/tagger_kd"); model.tag([["Ada", "sings"]])``

    Attributes:
        model: answers ``.logits`` [B, T, C] to ``input_ids`` and ``attention_mask``.
        tokenizer: a fast tokenizer.
        labels: names of the C columns.
        max_pieces: pieces read at once, special ones included; longer sentences go through windows.
        splitter: how raw text becomes words.
        name: what messages call it.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        labels: Labels,
        *,
        max_pieces: int,
        splitter: WordSplitter | None = None,
        name: str = "model",
    ) -> None:
        """Put the parts together."""
        self.model = model
        self.tokenizer = tokenizer
        self.labels = labels
        self.max_pieces = max_pieces
        self.splitter = splitter or WordSplitter.default()
        self.name = name
        self.encoder = WordEncoder(tokenizer)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    def to(self, device: torch.device | str) -> None:
        """Move the weights."""
        torch.nn.Module.to(self.model, device)

    def parameters(self) -> int:
        """The number of weights."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    def windows(self, words: Sequence[str]) -> list[Window]:
        """The sequences that one sentence becomes, together reading each word once."""
        return cut_windows(
            self.encoder(words), max_pieces=self.max_pieces, prefix=self.encoder.prefix, suffix=self.encoder.suffix
        )

    def pad(self, windows: Sequence[Window]) -> tuple[Tensor, Tensor, Tensor]:
        """Inputs of a batch of windows.

        Returns:
            input_ids [B, T], attention_mask [B, T], and the places of the words' first pieces in the flattened
            B * T pieces, [W], in the order of the windows.
        """
        longest = max(len(window.pieces) for window in windows)
        pad = self.tokenizer.pad_token_id
        ids = np.full((len(windows), longest), 0 if pad is None else pad, dtype=np.int64)
        mask = np.zeros((len(windows), longest), dtype=np.int64)
        places: list[int] = []
        for row, window in enumerate(windows):
            ids[row, : len(window.pieces)] = window.pieces
            mask[row, : len(window.pieces)] = 1
            places.extend(row * longest + start for start in window.starts)
        return torch.from_numpy(ids), torch.from_numpy(mask), torch.tensor(places, dtype=torch.long)

    def word_logits(self, input_ids: Tensor, attention_mask: Tensor, places: Tensor) -> Tensor:
        """Logits of the words [W, C] that stand at ``places`` of the flattened pieces; gradients flow if enabled."""
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits.flatten(0, 1)[places]

    @torch.inference_mode()
    def logits(self, sentences: Sequence[Sequence[str]], *, batch_pieces: int = 4096) -> list[NDArray[np.float32]]:
        """Logits of every word of every sentence, [words, C] each; batches are sorted by length, the answer is not."""
        was_training = self.model.training
        self.model.eval()
        answers = [np.empty((len(words), len(self.labels)), dtype=np.float32) for words in sentences]
        owned = [(number, window) for number, words in enumerate(sentences) if words for window in self.windows(words)]
        lengths = np.array([len(window.pieces) for _, window in owned], dtype=np.int64)
        order = np.argsort(-lengths, kind="stable")
        for batch in cut(order, lengths, pieces=batch_pieces, sentences=None):
            chosen = [owned[index] for index in batch]
            inputs = [tensor.to(self.device) for tensor in self.pad([window for _, window in chosen])]
            values = self.word_logits(*inputs).float().cpu().numpy()
            place = 0
            for number, window in chosen:
                count = len(window.starts)
                answers[number][window.first_word : window.first_word + count] = values[place : place + count]
                place += count
        self.model.train(was_training)
        return answers

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The most probable label of every word of every sentence."""
        names = self.labels.names
        return [[names[index] for index in values.argmax(axis=1)] for values in self.logits(sentences)]

    @quiet()
    def save(self, folder: Path) -> None:
        """Write the model as a folder that transformers loads without us: safetensors, tokenizer, splitter.

        The tokenizer is saved without truncation or padding, and without a length: a pipeline would cut text silently.
        """
        self.model.config.id2label = dict(enumerate(self.labels.names))
        self.model.config.label2id = dict(self.labels.ids)
        self.model.config.nlptrain_scheme = self.labels.scheme
        self.model.config.max_pieces = self.max_pieces  # the tokenizer no longer says it
        self.model.save_pretrained(folder)
        unlimited(self.tokenizer)
        self.tokenizer.save_pretrained(folder)
        self.splitter.save(folder)

    def fingerprint(self) -> str:
        """A hash of all that decides a logit: weights, shape, tokenizer, labels, windows and splitter."""
        seen = hashlib.blake2b(digest_size=16)
        for part in self._decisive():
            seen.update(part)
        return seen.hexdigest()

    def _decisive(self) -> Iterator[bytes]:
        shape = self.model.config.to_dict()
        for silent in (
            "_name_or_path",
            "transformers_version",
            "dtype",
            "id2label",
            "label2id",
            "nlptrain_scheme",
            "max_pieces",
            "architectures",
        ):
            shape.pop(silent, None)
        tokenizer = self.tokenizer.backend_tokenizer
        tokenizer.no_truncation()
        tokenizer.no_padding()
        described = {
            "config": shape,
            "labels": self.labels.names,
            "tokenizer": tokenizer.to_str(),
            "frame": [self.encoder.prefix, self.encoder.suffix],
            "windows": [WINDOW_RULE, self.max_pieces],
            "splitter": self.splitter.version,
        }
        yield json.dumps(described, sort_keys=True, default=str).encode()
        for name, tensor in sorted(self.model.state_dict().items()):
            yield f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode()
            yield tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()


def unlimited(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """``tokenizer`` without the truncation and padding that its file carries."""
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.model_max_length = SAFE_LENGTH
    return tokenizer
