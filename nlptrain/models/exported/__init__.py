"""A model as a folder that runs without torch; ``nlptrain.export.export`` also compares it with the model."""

from nlptrain.models.exported.description import MADE, write_description
from nlptrain.models.exported.nets import INT8_RULE
from nlptrain.models.exported.writing import check_exportable, write_tagger

__all__ = ["INT8_RULE", "MADE", "check_exportable", "write_description", "write_tagger"]
