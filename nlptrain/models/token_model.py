"""TokenModel: a token classifier with its featurizer, labels and word splitter; teachers and students are both one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from nlptrain.data.labels import Labels
from nlptrain.data.sentence import check_iterable, checked_sentences
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError
from nlptrain.models.emissions import compute_emissions
from nlptrain.models.fingerprint import fingerprint
from nlptrain.models.heads import IndependentDecoder, LabelDecoder, Prediction, WordOutput
from nlptrain.models.hub import upload
from nlptrain.models.model_folder import library_errors, replace_model_folder
from nlptrain.models.neural_tagger import NeuralTagger
from nlptrain.models.prediction import tag_texts
from nlptrain.models.tagged_text import TaggedText
from nlptrain.models.tokenization import Featurizer
from nlptrain.models.tokenization.inputs import Inputs, SequenceLengths
from nlptrain.run.model_scores import ModelScores, read_model_scores
from nlptrain.run.run import quiet_transformers
from nlptrain_runtime.windows import Window, cut_windows

_INDEPENDENT = IndependentDecoder()


class TokenModel:
    """A ``PreTrainedModel`` with [B, T, C] logits, its featurizer, labels and word splitter, in one folder.

    Example:
        ``TokenModel.from_pretrained("runs/demo/tagger_kd").predict("Ada Lovelace lived in London.").entities``

    Attributes:
        model: its output has ``logits`` [B, T, C].
        featurizer: turns words into the inputs of the model.
        labels: names of the C columns.
        max_subwords: maximum length in subwords, with special tokens; longer sentences are divided into windows.
        splitter: splits raw text into words.
        name: its name in messages.
        temperature: divides the logits to get confidences (Guo et al. 2017); 1 if the model was never calibrated.
            Neither logits nor tags depend on it.
        folder: that it was loaded from, of a run or of a model; None if it was made in memory.
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
        """Combine the parts."""
        self.model = model
        self.featurizer = featurizer
        self.labels = labels
        self.max_subwords = max_subwords
        self.splitter = splitter or WordSplitter.default()
        self.name = name
        self.temperature = temperature
        self.folder: Path | None = None
        self._batch_subwords: int | None = None

    @classmethod
    def from_pretrained(cls, reference: str | Path) -> TokenModel:
        """Load a teacher or a student: the folder of a run or of a model, a Hub name, or ``package:NAME/folder``.

        Raises:
            InputError: there is no such model, or it is not a token classifier.
        """
        from nlptrain.models.transformer import load_token_model  # which imports this module

        return load_token_model(reference)

    @property
    def scores(self) -> ModelScores:
        """The scores of the finished run that the model was loaded from.

        Raises:
            InputError: it was not loaded from a run, or the run has not finished.
        """
        return read_model_scores(self.folder)

    def __repr__(self) -> str:
        types = ", ".join(self.labels.types)
        of = f", {self.folder}" if self.folder else ""
        return f"{type(self.model).__name__}({self.parameters():,} parameters; {types}{of})"

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer of a model that reads subwords.

        Raises:
            InputError: the model reads words.
        """
        if self.featurizer.tokenizer is None:
            raise InputError("reads words and has no tokenizer", location=self.name, hint="name another model")
        return self.featurizer.tokenizer

    @property
    def decoder(self) -> LabelDecoder:
        """Turns the logits into labels.

        A tagger predicts only sequences that its tag scheme allows, unless the scheme is guessed. A transformer
        predicts each word's best label, as transformers does.
        """
        decoder: LabelDecoder = _INDEPENDENT
        if isinstance(self.model, NeuralTagger):
            decoder = self.model.head.decoder(self.labels)
        return decoder

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.model.parameters()).device

    def to(self, device: torch.device | str) -> Self:
        """Move the weights to ``device``, and return the model."""
        torch.nn.Module.to(self.model, device)
        return self

    def parameters(self) -> int:
        """Return the number of parameters."""
        return sum(parameter.numel() for parameter in self.model.parameters())

    @torch.no_grad()
    def subword_vectors(self) -> Tensor | None:
        """Return the input embedding of each subword of the tokenizer, [V, D]; None: the model reads words."""
        if self.featurizer.tokenizer is None:
            return None
        if isinstance(self.model, NeuralTagger):
            subwords = torch.arange(len(self.featurizer.tokenizer), device=self.device)
            vectors_of = getattr(self.model.embedder, "vectors", None)
            vectors = None if vectors_of is None else vectors_of(subwords)
        else:
            vectors = getattr(self.model.get_input_embeddings(), "weight", None)
        return vectors.detach().cpu().float() if isinstance(vectors, Tensor) else None

    def windows(self, words: Sequence[str]) -> list[Window]:
        """Divide a sentence into windows; each word belongs to one of them."""
        check_iterable(words, "words", "a list of words")
        return cut_windows(
            self.featurizer(words),
            max_subwords=self.max_subwords,
            prefix=self.featurizer.prefix,
            suffix=self.featurizer.suffix,
        )

    def pad(self, windows: Sequence[Window]) -> Inputs:
        """Return the inputs of a batch of windows, with the words in the order of the windows."""
        model_inputs, shifts = self.featurizer.batch(windows)
        longest = model_inputs["attention_mask"].shape[1]
        counts = np.array([len(window.word_starts) for window in windows])
        begins = np.arange(len(windows)) * longest + shifts
        positions = np.concatenate([np.asarray(window.word_starts, dtype=np.int64) for window in windows])
        positions += np.repeat(begins, counts)
        sequence_lengths = SequenceLengths(
            torch.from_numpy(counts),
            torch.tensor([window.first_word == 0 for window in windows]),
            torch.tensor([window.ends_sentence for window in windows]),
        )
        return Inputs(model_inputs, torch.from_numpy(positions), sequence_lengths)

    def emissions(self, inputs: Inputs) -> Tensor:
        """Return the logits of the words [W, C]; for a CRF, its emissions. Gradients flow."""
        if isinstance(self.model, NeuralTagger):
            logits = self.model.emissions(**inputs.model_inputs)
        else:
            logits = self.model(**inputs.model_inputs).logits
        return logits.flatten(0, 1)[inputs.word_positions]

    def output(self, inputs: Inputs) -> WordOutput:
        """Return the words of a batch as an objective needs them."""
        return self.decoder.output(self.emissions(inputs), inputs.sequence_lengths)

    def predict_emissions(self, sentences: Iterable[Sequence[str]]) -> list[NDArray[np.float32]]:
        """Compute the emissions of all words, [words, C] per sentence, in the order of ``sentences``.

        Raises:
            TypeError: ``sentences`` is not a list of lists of words.
        """
        return compute_emissions(self, checked_sentences(sentences))

    @overload
    def predict(  # type: ignore[overload-overlap]  # a string, too, is iterable; the first signature is its
        self, texts: str, *, min_confidence: float | Mapping[str, float] = ...
    ) -> TaggedText: ...

    @overload
    def predict(
        self, texts: Iterable[str], *, min_confidence: float | Mapping[str, float] = ...
    ) -> list[TaggedText]: ...

    def predict(
        self, texts: str | Iterable[str], *, min_confidence: float | Mapping[str, float] = 0.0
    ) -> TaggedText | list[TaggedText]:
        """Predict the words, tags and entities of one text, or of each of many, as ``nlptrain predict`` does.

        Args:
            texts: one text, or any number of them.
            min_confidence: entities of a lower confidence are omitted; the words keep their tags. A mapping has one
                value per type, and a default under "".

        Returns:
            The predictions for a text; for several, a list, in their order.

        Raises:
            TypeError: ``texts`` holds anything but strings.

        Example:
            ``model.predict("Ada Lovelace lived in London.").entities[0].label``
        """
        listed = list(tag_texts(self, [texts] if isinstance(texts, str) else texts, min_confidence=min_confidence))
        return listed[0] if isinstance(texts, str) else listed

    def predict_labels(self, sentences: Iterable[Sequence[str]], *, temperature: float = 1.0) -> list[Prediction]:
        """Predict the logits and the label of each word; the windows of a long sentence are decoded as one sequence.

        Args:
            sentences: their words.
            temperature: divides the logits (of a CRF: all scores); labels do not depend on it. Pass
                ``self.temperature`` for calibrated probabilities.
        """
        return self.decoder.predict(self.predict_emissions(sentences), temperature)

    def logits(self, sentences: Iterable[Sequence[str]]) -> list[NDArray[np.float32]]:
        """Return the logits of each sentence, [words, C]; those of a CRF are its log-marginals."""
        return [prediction.logits for prediction in self.predict_labels(sentences)]

    def tag(self, sentences: Iterable[Sequence[str]]) -> list[list[str]]:
        """Return the label of each word of each sentence."""
        names = self.labels.names
        return [[names[label_id] for label_id in prediction.label_ids] for prediction in self.predict_labels(sentences)]

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the model as a Hugging Face folder with safetensors, tokenizer and word splitter.

        The folder is written atomically. Another model in it is replaced; other files stay.

        Raises:
            InputError: ``folder`` does not hold a model, or the weights cannot be written.
        """
        with replace_model_folder(Path(folder)) as part:
            self.write(part)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        token: str | None = None,
        commit_message: str = "Upload a token classifier of nlptrain",
        card: str | None = None,
    ) -> str:
        """Upload the model to the Hugging Face Hub, and return the URL of the commit.

        Args:
            repo_id: OWNER/NAME; created if there is no such repository.
            private: whether a new repository is private; None: the default of its owner.
            token: of the Hub; None: the one that ``hf auth login`` stored.
            commit_message: of the commit.
            card: the model card; None: the one that ``nlptrain card`` writes, if the model is from a finished run.
        """
        return upload(self, repo_id, private=private, token=token, message=commit_message, card=card)

    @quiet_transformers()
    def write(self, folder: Path) -> None:
        """Write the files of ``save_pretrained`` into ``folder``, not atomically."""
        self.model.config.id2label = dict(enumerate(self.labels.names))
        self.model.config.label2id = dict(self.labels.ids)
        self.model.config.nlptrain_scheme = None if self.labels.is_guessed else self.labels.scheme
        self.model.config.nlptrain_temperature = self.temperature
        self.model.config.max_pieces = self.max_subwords  # the saved tokenizer has no limit
        self.model.save_pretrained(folder)
        self.featurizer.save(folder)
        self.splitter.save(folder)

    @torch.inference_mode()
    def check(self) -> None:
        """Run the model on one window, without changing the featurizer's cache.

        Raises:
            InputError: configuration, weights and tokenizer do not fit together.
        """
        with library_errors(self.name, "config.json, weights and tokenizer together"):
            prefix, suffix = self.featurizer.prefix, self.featurizer.suffix
            windows = cut_windows([(0,)], max_subwords=self.max_subwords, prefix=prefix, suffix=suffix)
            logits = self.emissions(self.pad(windows).to(self.device))
        if tuple(logits.shape) != (1, len(self.labels)):
            raise InputError(f"has {logits.shape[1]} logits and {len(self.labels)} labels", location=self.name)

    @property
    def batch_subwords(self) -> int:
        """Subwords per batch for predictions, with padding; on a CPU, a size that suits its caches.

        Words per second of MiniLM and of a 2x128 LSTM, one thread of a busy machine: 2,400 and 29,000 at 1,024
        subwords, 2,100 and 34,400 at 2,048, 1,860 and 33,600 at 4,096.
        """
        on_cpu = 2048 if isinstance(self.model, NeuralTagger) else 1024
        return self._batch_subwords or (on_cpu if self.device.type == "cpu" else 4096)

    @batch_subwords.setter
    def batch_subwords(self, subwords: int) -> None:
        self._batch_subwords = subwords

    def fingerprint(self) -> str:
        """Return a hash of all that decides the logits: weights, configuration, tokenizer, labels and splitter."""
        return fingerprint(self)
