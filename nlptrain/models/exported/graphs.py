"""What is traced for ONNX: a net as functions of plain inputs, for each way of reading words.

A student that reads words, or pieces added up to words, becomes two graphs: ``words`` makes a vector of each distinct
word, which is kept by whoever runs it, and ``model`` reads the vectors of a sentence. All others are one, ``model``.

Legend: B rows, T pieces, N words of the longest row, U distinct words, L parts of the longest of them (its pieces or
characters), -1 behind the end of each, D columns of a word's vector, C labels.
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
        net: answers one tensor to the inputs, in their order.
        inputs: the names of the inputs with those of their dimensions; a dimension without a name stays as it is.
        answer: the name of the answer with those of its dimensions.
        example: inputs to trace it with.
    """

    net: nn.Module
    inputs: Mapping[str, Shape]
    answer: tuple[str, Shape]
    example: tuple[Tensor, ...]


class _Pieces(nn.Module):
    """Pieces to logits, by the keyword inputs that the model's family takes.

    Where the tokenizer pads behind, a recurrent net is traced without what would bring the pieces to the front: that
    took a sixth of its time.
    """

    def __init__(
        self, model: nn.Module, named: Callable[[Tensor, Tensor], dict[str, Tensor]], *, pads_left: bool
    ) -> None:
        super().__init__()
        self.model = model
        self._named = named
        self._pads_left = pads_left

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        if isinstance(self.model, NeuralTagger):
            if self._pads_left or not isinstance(self.model.encoder, RecurrentEncoder):
                return self.model.emissions(attention_mask, input_ids=input_ids)
            states = self.model.encoder.packed(self.model.embedder(input_ids), attention_mask.sum(dim=1))
            answer: Tensor = self.model.head(states)
            return answer
        named = self._named(input_ids, attention_mask)
        logits: Tensor = self.model(input_ids=input_ids, attention_mask=attention_mask, **named).logits
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
            states = self.encoder.packed(vectors, lengths)
        else:
            states = self.encoder(vectors, (torch.arange(vectors.shape[1]) < lengths[:, None]).long())
        logits: Tensor = self.head(states)
        return logits


def reads(model: TokenModel) -> str:
    """How ``model`` reads words: as ``pieces``, each a step of the net, ``pooled`` pieces, or ``words``."""
    embedder = getattr(model.model, "embedder", None) if isinstance(model.model, NeuralTagger) else None
    return (
        "pooled"
        if isinstance(embedder, PooledEmbedder)
        else "words"
        if isinstance(embedder, WordEmbedder)
        else "pieces"
    )


def graphs_of(model: TokenModel) -> dict[str, Graph]:
    """The graphs of ``model`` by their names."""
    way = reads(model)
    if way == "pieces":
        return {"model": _of_pieces(model)}
    net = model.model
    assert isinstance(net, NeuralTagger)
    if way == "pooled":
        features: dict[str, Shape] = {"pieces": ("distinct", "parts")}
        given: tuple[Tensor, ...] = (torch.tensor([[1, 2], [0, -1], [2, 1]]),)
    else:
        features = {"rows": ("distinct",), "shapes": ("distinct",), "characters": ("distinct", "parts")}
        points = torch.tensor([[97, 98, 99], [97, -1, -1], [98, 97, -1]])
        given = (torch.tensor([1, 1, 1]), torch.tensor([0, 1, 0]), points)
    width = net.embedder.width
    inputs = {"vectors": ("batch", "words", ""), "lengths": ("batch",)}
    example = (torch.zeros(2, 3, width), torch.tensor([3, 2]))
    return {
        "words": Graph(_WordVectors(net), features, ("vectors", ("distinct", "")), given),
        "model": Graph(_Vectors(net), inputs, ("logits", ("batch", "words", "")), example),
    }


def _of_pieces(model: TokenModel) -> Graph:
    featurizer = model.featurizer
    assert isinstance(featurizer, SubwordFeaturizer)
    architecture = featurizer.architecture

    def named(ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        return {} if architecture is None else architecture.inputs(ids, mask)

    pads_left = architecture is not None and architecture.pads_left
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 1, 0]])
    if pads_left:
        mask = mask.flip(1)
    ids = torch.full_like(mask, featurizer.tokenizer.unk_token_id or 0)
    inputs = {"input_ids": ("batch", "pieces"), "attention_mask": ("batch", "pieces")}
    # The tokenizer of a student may pad on the left for who runs the graph without us.
    net = _Pieces(model.model, named, pads_left=pads_left or featurizer.tokenizer.padding_side == "left")
    return Graph(net, inputs, ("logits", ("batch", "pieces", "")), (ids, mask))
