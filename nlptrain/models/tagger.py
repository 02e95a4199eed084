"""Building a student from its configuration."""

from __future__ import annotations

import torch
from torch import Tensor
from transformers import AutoModel

from nlptrain.config.student import StudentConfig
from nlptrain.data.word_splitter import WordSplitter
from nlptrain.errors import InputError
from nlptrain.labels import Labels
from nlptrain.models.embedders import principal_components
from nlptrain.models.neural_tagger import NeuralTagger, NeuralTaggerConfig
from nlptrain.models.sources import resolve
from nlptrain.models.token_model import TokenModel
from nlptrain.models.transformer import load_tokenizer
from nlptrain.run import quiet


@quiet()
def build_tagger(
    config: StudentConfig,
    labels: Labels,
    *,
    seed: int,
    teacher: TokenModel | None = None,
    splitter: WordSplitter | None = None,
) -> TokenModel:
    """A student with new weights, drawn by ``seed``; its table starts from a model's input embeddings.

    Args:
        config: tokenizer, parts and sizes.
        labels: its columns; with a teacher, the teacher's in their order.
        seed: decides every weight.
        teacher: where tokenizer and table come from unless ``config`` names others.
        splitter: how it will read raw text.

    Raises:
        InputError: a model that ``config`` names is not there, or does not fit.
    """
    if config.tokenizer is not None:
        tokenizer, _ = load_tokenizer(resolve(config.tokenizer))
    elif teacher is not None:
        tokenizer = teacher.tokenizer
    else:
        raise InputError("student.tokenizer: missing; without a teacher, name the pretrained model to read with")
    torch.manual_seed(seed)
    embedder = {"kind": config.embedder.kind, "dim": config.embedder.dim, "vocab_size": len(tokenizer)}
    shape = NeuralTaggerConfig(  # type: ignore[call-arg]  # transformers' own keys are untyped
        embedder=embedder,
        encoder=config.encoder.model_dump(),
        head=config.head.model_dump(),
        dropout=config.dropout,
        max_pieces=config.max_pieces,
        num_labels=len(labels),
        pad_token_id=tokenizer.pad_token_id,
    )
    model = NeuralTagger(shape)
    init = config.embedder.init or (None if teacher is not None else config.tokenizer)
    if init != "random":
        table = _input_embeddings(init, teacher)
        if len(table) < len(tokenizer):
            raise InputError(
                f"student.embedder.init: {init} has {len(table)} rows, and the tokenizer {len(tokenizer)} pieces"
            )
        if config.embedder.dim > table.shape[1]:
            raise InputError(
                f"student.embedder.dim: found {config.embedder.dim}, and the input embeddings that the table starts "
                f"from have only {table.shape[1]} columns; give at most as many, or student.embedder.init: random"
            )
        with torch.no_grad():
            model.embedder.table.weight.copy_(principal_components(table[: len(tokenizer)], config.embedder.dim))
    return TokenModel(model.eval(), tokenizer, labels, max_pieces=config.max_pieces, splitter=splitter, name="student")


def _input_embeddings(reference: str | None, teacher: TokenModel | None) -> Tensor:
    """The input embeddings [V, D] of the model in ``reference``, or of the teacher."""
    if reference is None:
        assert teacher is not None
        model = teacher.model
    else:
        folder = resolve(reference).folder
        model = AutoModel.from_pretrained(folder, use_safetensors=True, trust_remote_code=False, dtype=torch.float32)
    weight = model.get_input_embeddings().weight
    assert isinstance(weight, Tensor)
    return weight.detach()
