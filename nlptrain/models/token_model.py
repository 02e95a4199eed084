"""TokenModel: a token classifier and what turns words into its inputs; teacher and student are both one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from nlptrain.data.batching import cut_batches
from nlptrain.data.labels import Labels
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError
from nlptrain.models.arguments import check_iterable, checked_sentences
from nlptrain.models.heads import CRFHead, IndependentDecoder, LabelDecoder, Prediction, WordOutput, constrained_decoder
from nlptrain.models.model_folder import reading, replace_model_folder
from nlptrain.models.neural_tagger import NeuralTagger
from nlptrain.models.tokenization import Featurizer
from nlptrain.models.tokenization.inputs import Inputs, SequenceLengths
from nlptrain.run.run import quiet_transformers
from nlptrain_runtime.windows import Window, cut_windows, window_rule

_INDEPENDENT = IndependentDecoder()


class TokenModel:
    """A ``PreTrainedModel`` with [B, T, C] logits, what reads words for it, labels and word splitter, in one folder.

    Example:
        ``model = load_token_model("runs/demo/tagger_kd"); model.tag([["Ada", "sings"]])``

    Attributes:
        model: answers ``.logits`` [B, T, C] to its keyword inputs.
        reader: turns words into these.
        labels: names of the C columns.
        max_pieces: pieces read at once, special ones included; longer sentences go through windows.
        splitter: how raw text becomes words.
        name: what messages call it.
        temperature: what its logits are divided by where probabilities are shown (Guo et al. 2017); 1 if it was never
            calibrated. Neither logits nor tags depend on it.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        featurizer: Featurizer,
        labels: Labels,
        *,
        max_subwords: int,
        splitter: WordSplitter | None = None,
        name: str = "model",
        temperature: float = 1.0,
    ) -> None:
        """Put the parts together."""
        self.model = model
        self.featurizer = featurizer
        self.labels = labels
        self.max_subwords = max_subwords
        self.splitter = splitter or WordSplitter.default()
        self.name = name
        self.temperature = temperature
        self._batch_subwords: int | None = None

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer of a model that reads pieces.

        Raises:
            InputError: the model reads words.
        """
        if self.featurizer.tokenizer is None:
            raise InputError(f"{self.name}: it reads words and has no tokenizer; name another model's")
        return self.featurizer.tokenizer

    @property
    def decoder(self) -> LabelDecoder:
        """How its logits become labels.

        A tagger keeps to the scheme that it was taught, if that is known and not guessed. A transformer answers as
        transformers reads it, with each word's best label.
        """
        decoder: LabelDecoder = _INDEPENDENT
        if isinstance(self.model, NeuralTagger):
            chained = isinstance(self.model.head, CRFHead)
            decoder = self.model.head if chained else constrained_decoder(self.labels)
        return decoder

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

    @torch.no_grad()
    def subword_vectors(self) -> Tensor | None:
        """What each piece of the tokenizer is read as, [V, D], before its neighbors are; None: it reads no pieces."""
        if self.featurizer.tokenizer is None:
            return None
        if isinstance(self.model, NeuralTagger):
            found = self.model.embedder.vectors(torch.arange(len(self.featurizer.tokenizer), device=self.device))
        else:
            found = getattr(self.model.get_input_embeddings(), "weight", None)
        return found.detach().cpu().float() if isinstance(found, Tensor) else None

    def windows(self, words: Sequence[str]) -> list[Window]:
        """The sequences that one sentence becomes, together reading each word once."""
        check_iterable(words, "words", "a list of words")
        return cut_windows(
            self.featurizer(words),
            max_subwords=self.max_subwords,
            prefix=self.featurizer.prefix,
            suffix=self.featurizer.suffix,
        )

    def pad(self, windows: Sequence[Window]) -> Inputs:
        """The inputs of a batch of windows; the places of the words stand in the order of the windows."""
        model_inputs, shifts = self.featurizer.batch(windows)
        longest = model_inputs["attention_mask"].shape[1]
        counts = np.array([len(window.word_starts) for window in windows])
        begins = np.arange(len(windows)) * longest + shifts
        places = np.concatenate([np.asarray(window.word_starts, dtype=np.int64) for window in windows])
        places += np.repeat(begins, counts)
        sequence_lengths = SequenceLengths(
            torch.from_numpy(counts),
            torch.tensor([window.first_word == 0 for window in windows]),
            torch.tensor([window.ends_sentence for window in windows]),
        )
        return Inputs(model_inputs, torch.from_numpy(places), sequence_lengths)

    def emissions(self, inputs: Inputs) -> Tensor:
        """Logits of the words [W, C], of a CRF's words before their neighbors are looked at; gradients flow."""
        if isinstance(self.model, NeuralTagger):
            logits = self.model.emissions(**inputs.model_inputs)
        else:
            logits = self.model(**inputs.model_inputs).logits
        return logits.flatten(0, 1)[inputs.word_positions]

    def output(self, inputs: Inputs) -> WordOutput:
        """The words of a batch as an objective sees them."""
        return self.decoder.output(self.emissions(inputs), inputs.sequence_lengths)

    @torch.inference_mode()
    def predict_emissions(self, sentences: Iterable[Sequence[str]]) -> list[NDArray[np.float32]]:
        """What the net says of every word of every sentence, [words, C] each, before neighbors are looked at.

        Batches are sorted by length, the answer is not. The windows of a long sentence are joined.

        Raises:
            TypeError: ``sentences`` is not a list of lists of words, but a string, or holds one.
        """
        sentences = checked_sentences(sentences)
        was_training = self.model.training
        self.model.eval()
        self.featurizer.limit_cache()
        found = [np.empty((len(words), len(self.labels)), dtype=np.float32) for words in sentences]
        with reading(f"{self.name}: what turns words into its inputs"):
            owned = [
                (number, window) for number, words in enumerate(sentences) if words for window in self.windows(words)
            ]
        lengths = np.array([len(window.subwords) for _, window in owned], dtype=np.int64)
        order = np.argsort(-lengths, kind="stable")
        for batch in cut_batches(order, lengths, subwords=self.batch_subwords, sentences=None):
            chosen = [owned[index] for index in batch]
            inputs = self.pad([window for _, window in chosen]).to(self.device)
            try:
                values = self.emissions(inputs).float().cpu().numpy()
            except IndexError as error:
                raise InputError(
                    f"{self.name}: its tokenizer has pieces that its embeddings lack ({error}); fetch the model again"
                ) from error
            place = 0
            for number, window in chosen:
                count = len(window.word_starts)
                found[number][window.first_word : window.first_word + count] = values[place : place + count]
                place += count
        self.model.train(was_training)
        return found

    def predict(self, sentences: Iterable[Sequence[str]], *, temperature: float = 1.0) -> list[Prediction]:
        """Logits and label of every word of every sentence; a long sentence is read in windows, and answered as one.

        Args:
            sentences: their words.
            temperature: divides the logits (of a CRF all scores of the chain), and changes no label; not the model's
                own unless it is given here.
        """
        return self.decoder.predict(self.predict_emissions(sentences), temperature)

    def logits(self, sentences: Iterable[Sequence[str]]) -> list[NDArray[np.float32]]:
        """Logits of every word of every sentence, [words, C] each; those of a CRF are its log-marginals."""
        return [answer.logits for answer in self.predict(sentences)]

    def tag(self, sentences: Iterable[Sequence[str]]) -> list[list[str]]:
        """The label of every word of every sentence."""
        names = self.labels.names
        return [[names[index] for index in answer.label_ids] for answer in self.predict(sentences)]

    def save(self, folder: str | Path) -> None:
        """Write the model as a folder that transformers loads without us: safetensors, tokenizer, splitter.

        The folder is whole or not written at all. Another model in it is replaced; other files in it stay.

        Raises:
            InputError: ``folder`` holds something else than a model, or the weights cannot be written.
        """
        with replace_model_folder(Path(folder)) as part:
            self.write(part)

    @quiet_transformers()
    def write(self, folder: Path) -> None:
        """Write the files of ``save`` into ``folder``, one after the other."""
        self.model.config.id2label = dict(enumerate(self.labels.names))
        self.model.config.label2id = dict(self.labels.ids)
        self.model.config.nlptrain_scheme = None if self.labels.guessed else self.labels.scheme
        self.model.config.nlptrain_temperature = self.temperature
        self.model.config.max_pieces = self.max_subwords  # the tokenizer no longer says it
        self.model.save_pretrained(folder)
        self.featurizer.save(folder)
        self.splitter.save(folder)

    @torch.inference_mode()
    def check(self) -> None:
        """Let the net read one window, without a trace in what the reader remembers.

        Raises:
            InputError: it cannot, since its configuration, weights and tokenizer do not fit each other.
        """
        with reading(f"{self.name}: its config.json, weights and tokenizer together"):
            prefix, suffix = self.featurizer.prefix, self.featurizer.suffix
            windows = cut_windows([(0,)], max_subwords=self.max_subwords, prefix=prefix, suffix=suffix)
            logits = self.emissions(self.pad(windows).to(self.device))
        if tuple(logits.shape) != (1, len(self.labels)):
            raise InputError(f"{self.name}: has {logits.shape[1]} logits and {len(self.labels)} labels")

    @property
    def batch_subwords(self) -> int:
        """Pieces of a batch in use, padding included: on a CPU, what its caches hold best.

        MiniLM and a 2x128 LSTM on one thread of a busy machine, words per second by pieces of a batch: 2,400 and 29,000
        at 1,024, 2,100 and 34,400 at 2,048, 1,860 and 33,600 at 4,096.
        """
        if self._batch_subwords is not None:
            return self._batch_subwords
        if self.device.type != "cpu":
            return 4096
        return 2048 if isinstance(self.model, NeuralTagger) else 1024

    @batch_subwords.setter
    def batch_subwords(self, pieces: int) -> None:
        """Read batches of so many pieces."""
        self._batch_subwords = pieces

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
            "nlptrain_temperature",
            "max_pieces",
            "architectures",
            "pieces",  # and their roles: only what has no reader needs them
        ):
            shape.pop(silent, None)
        described = {
            "config": shape,
            "labels": self.labels.names,
            **self.featurizer.describe(),
            "windows": [window_rule(self.max_subwords), self.max_subwords],
            "splitter": self.splitter.version,
        }
        yield json.dumps(described, sort_keys=True, default=str).encode()
        for name, tensor in sorted(self.model.state_dict().items()):
            if name == "piece_roles":
                continue
            yield f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode()
            yield tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
