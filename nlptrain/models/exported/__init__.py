"""Write a model as a folder that runs without torch; ``nlptrain.deployment.export`` also compares it with the model."""

from nlptrain.models.exported.folder import PROBE_SENTENCES, check_exportable, write_description, write_tagger
from nlptrain.models.exported.onnx_files import INT8_VERSION

__all__ = ["INT8_VERSION", "PROBE_SENTENCES", "check_exportable", "write_description", "write_tagger"]
