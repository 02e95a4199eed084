"""Upload a model to the Hugging Face Hub, with its model card."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from nlptrain.atomic_files import write_text

if TYPE_CHECKING:
    from nlptrain.models.token_model import TokenModel

# The layer that writes cards is above this one, and is imported on use.
_CARDS = "nlptrain.procedures.reporting"


def upload(
    model: TokenModel, repo_id: str, *, private: bool | None, token: str | None, message: str, card: str | None
) -> str:
    """Upload ``model`` to the repository ``repo_id``, which is created if necessary; return the URL of the commit.

    Args:
        model: that is uploaded.
        repo_id: OWNER/NAME.
        private: whether a new repository is private; None: the default of its owner.
        token: of the Hub; None: the one that ``hf auth login`` stored.
        message: of the commit.
        card: Markdown of the README.md; None: that of ``nlptrain card``, if the model is from a finished run.
    """
    from huggingface_hub import HfApi

    with TemporaryDirectory() as folder:
        model.write(Path(folder))
        if card is None and model.folder is not None and (model.folder / "scores.json").is_file():
            card = str(import_module(_CARDS).write_card(model.folder, name=repo_id))
        if card is not None:
            write_text(Path(folder) / "README.md", card)
        api = HfApi(token=token)
        api.create_repo(repo_id, private=private, exist_ok=True)
        return str(api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message=message))
