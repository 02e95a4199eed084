"""RoBERTa and its kin: the first piece of a sequence has the position behind the padding's."""

from __future__ import annotations

from transformers import PretrainedConfig

from nlptrain.models.families.family import Family


class PositionsBehindPadding(Family):
    """Models whose positions 0 to ``pad_token_id`` stand for nothing: 514 positions read 512 pieces."""

    @classmethod
    def positions(cls, config: PretrainedConfig) -> int:
        """The positions that are left for pieces."""
        # The padding of all published ones is 1; with 0, MPNet still counts from 2, and one piece less harms nobody.
        unused = max(1, getattr(config, "pad_token_id", None) or 0) + 1
        return super().positions(config) - unused
