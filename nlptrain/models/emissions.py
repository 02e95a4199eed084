"""The emissions of all words of any number of sentences, computed in batches of windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from nlptrain.data.batching import batch_ends
from nlptrain.errors import InputError
from nlptrain.models.model_folder import library_errors

if TYPE_CHECKING:
    from nlptrain.models.token_model import TokenModel


@torch.inference_mode()
def compute_emissions(model: TokenModel, sentences: Sequence[Sequence[str]]) -> list[NDArray[np.float32]]:
    """Compute the emissions of all words, [words, C] per sentence, in the order of ``sentences``.

    Batches are sorted by length. The windows of a long sentence are joined.
    """
    was_training = model.model.training
    model.model.eval()
    model.featurizer.limit_cache()
    emissions = [np.empty((len(words), len(model.labels)), dtype=np.float32) for words in sentences]
    with library_errors(model.name, "the tokenizer or vocabulary"):
        windows = [(index, window) for index, words in enumerate(sentences) if words for window in model.windows(words)]
    lengths = np.array([len(window.subwords) for _, window in windows], dtype=np.int64)
    order = np.argsort(-lengths, kind="stable")
    ends = batch_ends(lengths[order], subwords=model.batch_subwords, sentences=None)
    for first, end in zip([0, *ends], ends, strict=False):
        batch_windows = [windows[index] for index in order[first:end]]
        inputs = model.pad([window for _, window in batch_windows]).to(model.device)
        try:
            values = model.emissions(inputs).float().cpu().numpy()
        except IndexError as error:
            raise InputError(
                f"the tokenizer has subwords without an embedding ({error})",
                location=model.name,
                hint="fetch the model again",
            ) from error
        start = 0
        for index, window in batch_windows:
            count = len(window.word_starts)
            emissions[index][window.first_word : window.first_word + count] = values[start : start + count]
            start += count
    model.model.train(was_training)
    return emissions
