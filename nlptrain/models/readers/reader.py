"""What every reader can do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor
from transformers import PreTrainedTokenizerBase

from nlptrain_runtime.windows import Window


class Reader(Protocol):
    """Turns words into the numbers that stand in windows, and windows into the keyword inputs of a forward pass.

    Attributes:
        prefix: what stands in front of every window.
        suffix: what stands behind it.
    """

    prefix: list[int]
    suffix: list[int]

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase | None:
        """The transformer's, of a reader of pieces."""
        ...

    def __call__(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """The numbers of each of ``words``, at least one a word."""
        ...

    def pieces(self, words: Sequence[str]) -> list[tuple[int, ...]]:
        """What the tokenizer makes of each of ``words``; of a reader without one, the numbers of the words."""
        ...

    def parts(self, word: str) -> list[int]:
        """The places inside ``word``, from 1 on, that transformers' pipeline takes for the beginning of a word."""
        ...

    def batch(self, windows: Sequence[Window]) -> tuple[dict[str, Tensor], list[int]]:
        """The keyword inputs of a forward pass, and by how much each window is moved to the right by padding."""
        ...

    def hide(self, named: dict[str, Tensor], rate: float) -> dict[str, Tensor]:
        """The inputs with a share of what they show replaced by the unknown piece or word."""
        ...

    def renew(self) -> None:
        """Forget, if there is much of it, what was read before; numbers given out then no longer count."""
        ...

    def pin(self) -> None:
        """Keep what the numbers given so far stand for: they are stored."""
        ...

    def save(self, folder: str | Path) -> None:
        """Write what is needed to read again the same way."""
        ...

    def describe(self) -> dict[str, Any]:
        """All that decides the numbers, for a fingerprint."""
        ...
