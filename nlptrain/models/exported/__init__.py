"""A model as a folder that runs without torch; ``nlptrain.deploy.export`` also compares it with the model."""

from nlptrain.models.exported.description import MADE, write_description
from nlptrain.models.exported.nets import INT8_RULE
from nlptrain.models.exported.writing import refuse_unexportable, write_tagger

__all__ = ["INT8_RULE", "MADE", "refuse_unexportable", "write_description", "write_tagger"]
