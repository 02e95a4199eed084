"""What the commands do, callable from Python: training, evaluation, prediction, files of data, experiments."""

from nlptrain.lazy_imports import lazy_names

TYPE_CHECKING = False

# Imported on first use (PEP 562): running experiments, for example, needs no torch.
_HOMES = {
    "benchmark_models": "reporting",
    "check_data_files": "data_check",
    "compare_runs": "reporting",
    "convert_files": "conversion",
    "describe_student": "models",
    "estimate_training": "dry_run",
    "evaluate_files": "inference",
    "experiment_scores": "experiment_runner",
    "export_run": "reporting",
    "inspect_tokenization": "inference",
    "label_files": "labeling",
    "list_transfer_set": "transfer_cache",
    "plan_experiments": "experiments",
    "predict_files": "inference",
    "prune_transfer_set": "transfer_cache",
    "run_experiments": "experiment_runner",
    "run_seeds": "training",
    "run_training": "training",
    "split_files": "splitting",
    "verify_transfer_set": "transfer_cache",
    "write_card": "reporting",
}

__all__ = [*_HOMES]

if TYPE_CHECKING:
    from nlptrain.procedures.conversion import convert_files as convert_files
    from nlptrain.procedures.data_check import check_data_files as check_data_files
    from nlptrain.procedures.dry_run import estimate_training as estimate_training
    from nlptrain.procedures.experiment_runner import experiment_scores as experiment_scores
    from nlptrain.procedures.experiment_runner import run_experiments as run_experiments
    from nlptrain.procedures.experiments import plan_experiments as plan_experiments
    from nlptrain.procedures.inference import evaluate_files as evaluate_files
    from nlptrain.procedures.inference import inspect_tokenization as inspect_tokenization
    from nlptrain.procedures.inference import predict_files as predict_files
    from nlptrain.procedures.labeling import label_files as label_files
    from nlptrain.procedures.models import describe_student as describe_student
    from nlptrain.procedures.reporting import benchmark_models as benchmark_models
    from nlptrain.procedures.reporting import compare_runs as compare_runs
    from nlptrain.procedures.reporting import export_run as export_run
    from nlptrain.procedures.reporting import write_card as write_card
    from nlptrain.procedures.splitting import split_files as split_files
    from nlptrain.procedures.training import run_seeds as run_seeds
    from nlptrain.procedures.training import run_training as run_training
    from nlptrain.procedures.transfer_cache import list_transfer_set as list_transfer_set
    from nlptrain.procedures.transfer_cache import prune_transfer_set as prune_transfer_set
    from nlptrain.procedures.transfer_cache import verify_transfer_set as verify_transfer_set

__getattr__, __dir__ = lazy_names(__name__, {name: f"{__name__}.{home}" for name, home in _HOMES.items()})
