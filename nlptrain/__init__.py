"""nlptrain turns an accurate, slow transformer token classifier into a small, fast tagger.

Example::

    import nlptrain
    data = {"train": "train.conll", "dev": "dev.conll", "unlabeled": "raw/*.txt"}
    student = nlptrain.distill(teacher="runs/teacher", data=data, output_dir="runs/student", progress=True)
    print(student.scores.dev, student.predict("Ada Lovelace lived in London.").entities)
    nlptrain.export(student, "exported", precision="int8")

``train_transformer``, ``train_tagger``, ``distill``, ``pseudo_label``, ``label``, ``evaluate``, ``predict``,
``compare``, ``export`` and ``benchmark`` do what the commands do; ``load`` loads any model. docs/guides/python.md is
a guide.
"""

from nlptrain.lazy_imports import lazy_names

TYPE_CHECKING = False  # importing typing takes milliseconds, in which a signal would end in a traceback
__version__ = "0.1.0"

# Imported on first use (PEP 562), so that the command line starts without importing torch.
_HOMES = {
    "train_transformer": "nlptrain.api",
    "train_tagger": "nlptrain.api",
    "distill": "nlptrain.api",
    "pseudo_label": "nlptrain.api",
    "evaluate": "nlptrain.api",
    "predict": "nlptrain.api",
    "compare": "nlptrain.api",
    "export": "nlptrain.api",
    "benchmark": "nlptrain.api",
    "label": "nlptrain.api",
    "load": "nlptrain.api",
    "LabelBatch": "nlptrain.api",
    "TokenModel": "nlptrain.models",
    "NeuralTagger": "nlptrain.models",
    "TransformerTokenClassifier": "nlptrain.models",
    "TaggedText": "nlptrain.models.tagged_text",
    "TaggedWord": "nlptrain.models.tagged_text",
    "Entity": "nlptrain.models.tagged_text",
    "ModelScores": "nlptrain.run.model_scores",
    "SplitScores": "nlptrain.run.model_scores",
    "Evaluation": "nlptrain.procedures.inference",
    "Comparison": "nlptrain.procedures.reporting",
    "Speed": "nlptrain.deployment.benchmark",
    "TeacherStudentDistill": "nlptrain.distillation",
    "Objective": "nlptrain.training",
    "Loss": "nlptrain.training",
    "Targets": "nlptrain.training",
    "WordOutput": "nlptrain.models.heads",
    "Examples": "nlptrain.training",
    "fit": "nlptrain.training",
    "Run": "nlptrain.run.run",
    "Corpus": "nlptrain.data.corpus",
    "Labels": "nlptrain.data.labels",
    "Sentence": "nlptrain.data.sentence",
    "WordSplitter": "nlptrain.data.word_splitter",
    "COMMANDS": "nlptrain.config",
    "load_config": "nlptrain.config",
    "DataConfig": "nlptrain.config.data",
    "LabelingConfig": "nlptrain.config.labeling",
    "LabeledFile": "nlptrain.procedures.labeling",
    "StudentConfig": "nlptrain.config.student",
    "TransformerStudentConfig": "nlptrain.config.student",
    "TeacherConfig": "nlptrain.config.teachers",
    "LossConfig": "nlptrain.config.objectives",
    "PseudoLabelConfig": "nlptrain.config.objectives",
    "TrainConfig": "nlptrain.config.train",
    "TransformerTrainConfig": "nlptrain.config.train",
    "AugmentConfig": "nlptrain.config.train",
    "InputError": "nlptrain.errors",
}

__all__ = ["__version__", *_HOMES]

if TYPE_CHECKING:
    from nlptrain.api import LabelBatch as LabelBatch
    from nlptrain.api import benchmark as benchmark
    from nlptrain.api import compare as compare
    from nlptrain.api import distill as distill
    from nlptrain.api import evaluate as evaluate
    from nlptrain.api import export as export
    from nlptrain.api import label as label
    from nlptrain.api import load as load
    from nlptrain.api import predict as predict
    from nlptrain.api import pseudo_label as pseudo_label
    from nlptrain.api import train_tagger as train_tagger
    from nlptrain.api import train_transformer as train_transformer
    from nlptrain.config import COMMANDS as COMMANDS
    from nlptrain.config import load_config as load_config
    from nlptrain.config.data import DataConfig as DataConfig
    from nlptrain.config.labeling import LabelingConfig as LabelingConfig
    from nlptrain.config.objectives import LossConfig as LossConfig
    from nlptrain.config.objectives import PseudoLabelConfig as PseudoLabelConfig
    from nlptrain.config.student import StudentConfig as StudentConfig
    from nlptrain.config.student import TransformerStudentConfig as TransformerStudentConfig
    from nlptrain.config.teachers import TeacherConfig as TeacherConfig
    from nlptrain.config.train import AugmentConfig as AugmentConfig
    from nlptrain.config.train import TrainConfig as TrainConfig
    from nlptrain.config.train import TransformerTrainConfig as TransformerTrainConfig
    from nlptrain.data.corpus import Corpus as Corpus
    from nlptrain.data.labels import Labels as Labels
    from nlptrain.data.sentence import Sentence as Sentence
    from nlptrain.data.word_splitter import WordSplitter as WordSplitter
    from nlptrain.deployment.benchmark import Speed as Speed
    from nlptrain.distillation import TeacherStudentDistill as TeacherStudentDistill
    from nlptrain.errors import InputError as InputError
    from nlptrain.models import NeuralTagger as NeuralTagger
    from nlptrain.models import TokenModel as TokenModel
    from nlptrain.models import TransformerTokenClassifier as TransformerTokenClassifier
    from nlptrain.models.heads import WordOutput as WordOutput
    from nlptrain.models.tagged_text import Entity as Entity
    from nlptrain.models.tagged_text import TaggedText as TaggedText
    from nlptrain.models.tagged_text import TaggedWord as TaggedWord
    from nlptrain.procedures.inference import Evaluation as Evaluation
    from nlptrain.procedures.labeling import LabeledFile as LabeledFile
    from nlptrain.procedures.reporting import Comparison as Comparison
    from nlptrain.run.model_scores import ModelScores as ModelScores
    from nlptrain.run.model_scores import SplitScores as SplitScores
    from nlptrain.run.run import Run as Run
    from nlptrain.training import Examples as Examples
    from nlptrain.training import Loss as Loss
    from nlptrain.training import Objective as Objective
    from nlptrain.training import Targets as Targets
    from nlptrain.training import fit as fit

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
