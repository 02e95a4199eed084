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

from nlptrain.models.embedders import PooledEmbedder, WordEmbedder
from nlptrain.models.encoders import RecurrentEncoder
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
            if self._pads_left or not isinstance(self.model.encoder, RecurrentEncoder):
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
        if isinstance(self.encoder, RecurrentEncoder):
            states = self.encoder.encode(vectors, lengths)
        else:
            states = self.encoder(vectors, (torch.arange(vectors.shape[1]) < lengths[:, None]).long())
        logits: Tensor = self.head(states)
        return logits


def input_kind(model: TokenModel) -> str:
    """Return the value of ``reads`` in ``nlptrain.json``: subwords, pooled subwords, or words."""
    embedder = getattr(model.model, "embedder", None) if isinstance(model.model, NeuralTagger) else None
    return (
        "pooled"
        if isinstance(embedder, PooledEmbedder)
        else "words"
        if isinstance(embedder, WordEmbedder)
        else "pieces"
    )


def build_graphs(model: TokenModel) -> dict[str, Graph]:
    """Return the graphs of ``model`` by name."""
    kind = input_kind(model)
    if kind == "pieces":
        return {"model": _subword_graph(model)}
    net = model.model
    assert isinstance(net, NeuralTagger)
    if kind == "pooled":
        features: dict[str, Shape] = {"pieces": ("distinct", "parts")}
        words: tuple[Tensor, ...] = (torch.tensor([[1, 2], [0, -1], [2, 1]]),)
    else:
        features = {"rows": ("distinct",), "shapes": ("distinct",), "characters": ("distinct", "parts")}
        points = torch.tensor([[97, 98, 99], [97, -1, -1], [98, 97, -1]])
        words = (torch.tensor([1, 1, 1]), torch.tensor([0, 1, 0]), points)
    width = net.embedder.width
    inputs = {"vectors": ("batch", "words", ""), "lengths": ("batch",)}
    example = (torch.zeros(2, 3, width), torch.tensor([3, 2]))
    return {
        "words": Graph(_WordVectors(net), features, ("vectors", ("distinct", "")), words),
        "model": Graph(_Vectors(net), inputs, ("logits", ("batch", "words", "")), example),
    }


def _subword_graph(model: TokenModel) -> Graph:
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
    return Graph(net, inputs, ("logits", ("batch", "pieces", "")), (ids, mask))
