"""The graphs that are traced for ONNX: a model as functions of tensors.

A student that reads words, or pooled subwords, becomes two graphs: ``words`` computes the vector of each distinct word,
which the runtime caches, and ``model`` reads the vectors of a sentence. All others are one graph, ``model``.

Legend: B rows, T subwords, N words of the longest row, U distinct words, L parts of the longest word (its subwords or
characters), padded with -1, D columns of a word vector, C labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nlptrain.config.components import EMBEDDERS
from nlptrain.errors import InputError
from nlptrain.models.encoders import Encoder
from nlptrain.models.neural_tagger import NeuralTagger
from nlptrain.models.token_model import TokenModel
from nlptrain.models.tokenization import SubwordFeaturizer

Shape = tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """One function to be traced.

    Attributes:
        net: a module that maps the inputs, in their order, to one tensor.
        inputs: names of the inputs with the names of their dimensions; "": a fixed dimension.
        output: name of the output with the names of its dimensions.
        example: inputs for tracing.
    """

    net: nn.Module
    inputs: Mapping[str, Shape]
    output: tuple[str, Shape]
    example: tuple[Tensor, ...]


class _Subwords(nn.Module):
    """Subwords to logits, with the further inputs of the architecture.

    If the tokenizer pads on the right, a recurrent network is traced without the code that moves left padding, which
    took a sixth of its time.
    """

    def __init__(
        self, model: nn.Module, further_inputs: Callable[[Tensor, Tensor], dict[str, Tensor]], *, pads_left: bool
    ) -> None:
        super().__init__()
        self.model = model
        self._further_inputs = further_inputs
        self._pads_left = pads_left

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        if isinstance(self.model, NeuralTagger):
            if self._pads_left or type(self.model.encoder).encode is Encoder.encode:
                return self.model.emissions(attention_mask, input_ids=input_ids)
            states = self.model.encoder.encode(self.model.embedder(input_ids), attention_mask.sum(dim=1))
            scores: Tensor = self.model.head(states)
            return scores
        further = self._further_inputs(input_ids, attention_mask)
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask, **further).logits
        return logits


class _WordVectors(nn.Module):
    """Distinct words to their vectors."""

    def __init__(self, model: NeuralTagger) -> None:
        super().__init__()
        self.embedder = model.embedder

    def forward(self, *features: Tensor) -> Tensor:
        vectors: Tensor = self.embedder.of_distinct(*features)
        return vectors


class _Vectors(nn.Module):
    """Vectors of the words of sentences to logits."""

    def __init__(self, model: NeuralTagger) -> None:
        super().__init__()
        self.encoder, self.head = model.encoder, model.head

    def forward(self, vectors: Tensor, lengths: Tensor) -> Tensor:
        logits: Tensor = self.head(self.encoder.encode(vectors, lengths))
        return logits


def input_kind(model: TokenModel) -> str:
    """Return the value of ``reads`` in ``nlptrain.json``: subwords, pooled subwords, or words."""
    reads = model.model.embedder.reads if isinstance(model.model, NeuralTagger) else "subwords"
    return {"subwords": "pieces", "pooled_subwords": "pooled", "words": "words"}[reads]  # the words of format 1


def build_graphs(model: TokenModel) -> dict[str, Graph]:
    """Return the graphs of ``model`` by name.

    Raises:
        InputError: its embedder cannot be exported.
    """
    if not isinstance(model.model, NeuralTagger):
        return subword_graphs(model)
    kind = str(model.model.config.embedder["kind"])
    if not EMBEDDERS[kind].build_graphs:
        raise InputError(f"students with the embedder {kind} cannot be exported", location=model.name)
    graphs: dict[str, Graph] = EMBEDDERS.load(kind, EMBEDDERS[kind].build_graphs)(model)
    return graphs


def pooled_graphs(model: TokenModel) -> dict[str, Graph]:
    """Return the graphs of a student of pooled subwords."""
    example = (torch.tensor([[1, 2], [0, -1], [2, 1]]),)
    return _graphs_of_words(model, {"pieces": ("distinct", "parts")}, example)


def word_graphs(model: TokenModel) -> dict[str, Graph]:
    """Return the graphs of a student of words."""
    inputs = {"rows": ("distinct",), "shapes": ("distinct",), "characters": ("distinct", "parts")}
    points = torch.tensor([[97, 98, 99], [97, -1, -1], [98, 97, -1]])
    return _graphs_of_words(model, inputs, (torch.tensor([1, 1, 1]), torch.tensor([0, 1, 0]), points))


def _graphs_of_words(model: TokenModel, inputs: Mapping[str, Shape], example: tuple[Tensor, ...]) -> dict[str, Graph]:
    """Return a graph that computes the vectors of distinct words from ``inputs``, and one that reads these vectors."""
    net = model.model
    assert isinstance(net, NeuralTagger)
    vectors = torch.zeros(2, 3, net.embedder.width)
    sequences = {"vectors": ("batch", "words", ""), "lengths": ("batch",)}
    return {
        "words": Graph(_WordVectors(net), inputs, ("vectors", ("distinct", "")), example),
        "model": Graph(_Vectors(net), sequences, ("logits", ("batch", "words", "")), (vectors, torch.tensor([3, 2]))),
    }


def subword_graphs(model: TokenModel) -> dict[str, Graph]:
    """Return the graph of a transformer, or of a student of subwords."""
    featurizer = model.featurizer
    assert isinstance(featurizer, SubwordFeaturizer)
    architecture = featurizer.architecture

    def further_inputs(ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        return {} if architecture is None else architecture.inputs(ids, mask)

    pads_left = architecture is not None and architecture.pads_left
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])
    if pads_left:
        mask = mask.flip(1)
    ids = torch.full_like(mask, featurizer.tokenizer.unk_token_id or 0)
    inputs = {"input_ids": ("batch", "pieces"), "attention_mask": ("batch", "pieces")}
    # Other users of the graph may pad on the left, if the tokenizer of the student does.
    net = _Subwords(model.model, further_inputs, pads_left=pads_left or featurizer.tokenizer.padding_side == "left")
    return {"model": Graph(net, inputs, ("logits", ("batch", "pieces", "")), (ids, mask))}
