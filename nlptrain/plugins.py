"""What packages that extend nlptrain import: entries of the registries, and the types of what they name.

docs/guides/extending.md shows an encoder, a loss, a file format and a teacher. Names are imported on first use, so that
the module with a package's entries needs no torch.
"""

from nlptrain.lazy_imports import lazy_names

TYPE_CHECKING = False
_HOMES = {
    **dict.fromkeys(
        ("EmbedderConfig", "EmbedderEntry", "EncoderConfig", "EncoderEntry", "HeadConfig", "HeadEntry"),
        "nlptrain.config.components",
    ),
    **dict.fromkeys(("LossConfig", "LossEntry"), "nlptrain.config.objectives"),
    **dict.fromkeys(("TeacherConfig", "TeacherEntry"), "nlptrain.config.teachers"),
    "FormatEntry": "nlptrain.config.formats",
    "TrackerEntry": "nlptrain.config.trackers",
    "InputError": "nlptrain.errors",
    "Sentence": "nlptrain.data.sentence",
    "Labels": "nlptrain.data.labels",
    **dict.fromkeys(("ReadContext", "WriteContext"), "nlptrain.data.formats"),
    "read_lines": "nlptrain.data.text_files",
    "Embedder": "nlptrain.models.embedders",
    "Encoder": "nlptrain.models.encoders",
    "Head": "nlptrain.models.heads",
    "WordOutput": "nlptrain.models.heads",
    "TokenModel": "nlptrain.models",
    "TaggerInputs": "nlptrain.models.students.building",
    "Targets": "nlptrain.training.objective",
    "TeacherLoss": "nlptrain.distillation.objectives",
    **dict.fromkeys(("spans_to_tags", "tags_to_spans"), "nlptrain.data.tag_schemes"),
    **dict.fromkeys(("Teacher", "TeacherContext"), "nlptrain.distillation.teachers"),
}
__all__ = [*_HOMES]

if TYPE_CHECKING:
    from nlptrain.config.components import EmbedderConfig as EmbedderConfig
    from nlptrain.config.components import EmbedderEntry as EmbedderEntry
    from nlptrain.config.components import EncoderConfig as EncoderConfig
    from nlptrain.config.components import EncoderEntry as EncoderEntry
    from nlptrain.config.components import HeadConfig as HeadConfig
    from nlptrain.config.components import HeadEntry as HeadEntry
    from nlptrain.config.formats import FormatEntry as FormatEntry
    from nlptrain.config.objectives import LossConfig as LossConfig
    from nlptrain.config.objectives import LossEntry as LossEntry
    from nlptrain.config.teachers import TeacherConfig as TeacherConfig
    from nlptrain.config.teachers import TeacherEntry as TeacherEntry
    from nlptrain.config.trackers import TrackerEntry as TrackerEntry
    from nlptrain.data.formats import ReadContext as ReadContext
    from nlptrain.data.formats import WriteContext as WriteContext
    from nlptrain.data.labels import Labels as Labels
    from nlptrain.data.sentence import Sentence as Sentence
    from nlptrain.data.tag_schemes import spans_to_tags as spans_to_tags
    from nlptrain.data.tag_schemes import tags_to_spans as tags_to_spans
    from nlptrain.data.text_files import read_lines as read_lines
    from nlptrain.distillation.objectives import TeacherLoss as TeacherLoss
    from nlptrain.distillation.teachers import Teacher as Teacher
    from nlptrain.distillation.teachers import TeacherContext as TeacherContext
    from nlptrain.errors import InputError as InputError
    from nlptrain.models import TokenModel as TokenModel
    from nlptrain.models.embedders import Embedder as Embedder
    from nlptrain.models.encoders import Encoder as Encoder
    from nlptrain.models.heads import Head as Head
    from nlptrain.models.heads import WordOutput as WordOutput
    from nlptrain.models.students.building import TaggerInputs as TaggerInputs
    from nlptrain.training.objective import Targets as Targets

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
