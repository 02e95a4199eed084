"""The entries; this module is imported by every command, so it imports neither torch nor numpy."""

from typing import Literal

from pydantic import Field

from nlptrain.plugins import (
    EncoderConfig,
    EncoderEntry,
    FormatEntry,
    LossConfig,
    LossEntry,
    TeacherConfig,
    TeacherEntry,
)


class WindowConfig(EncoderConfig):
    """A convolution over a window of words."""

    kind: Literal["window"] = Field("window", description="A convolution over a window of words.")
    size: Literal[3, 5, 7] = Field(3, description="Words of the window.")
    filters: int = Field(64, ge=1, description="Channels of the convolution.")


class JSConfig(LossConfig):
    """The Jensen-Shannon divergence."""

    loss: Literal["js"] = Field("js", description="The Jensen-Shannon divergence at the temperature.")


class NamesConfig(TeacherConfig):
    """A list of names."""

    kind: Literal["names"] = Field("names", description="Words of a file, which are entities.")
    path: str = Field(description="The file, a word per line.")
    type: str = Field("person", description="The type of the entities.")

    file_keys = ("path",)  # the hash of the file belongs to a run


WINDOW = EncoderEntry(WindowConfig, module="nlptrain_example.encoder:WindowEncoder")
JS = LossEntry(JSConfig, function="nlptrain_example.loss:js_loss")
SLASH = FormatEntry(
    (".slash",),
    gold_suffixes=(".slash",),
    read="nlptrain_example.slash:read",
    lines="nlptrain_example.slash:lines",
)
NAMES = TeacherEntry(NamesConfig, build="nlptrain_example.names:build")
