"""Resolving references to models, and the errors if there is no model."""

from pathlib import Path

import pytest

from nlptrain.errors import InputError
from nlptrain.models import pretrained
from nlptrain.models.pretrained import resolve_model


@pytest.fixture
def folder_of_models(tmp_path: Path) -> Path:
    """Write a folder with two models and a folder that cannot be read."""
    for name in ("runs/a/model", "runs/b", "runs/locked"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("runs/a/model", "runs/b"):
        (tmp_path / name / "config.json").write_text("{}")
    return tmp_path / "runs"


def test_the_error_lists_models_inside_a_folder(folder_of_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    is_file = Path.is_file

    def may_not(path: Path) -> bool:
        if "locked" in path.parts:
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", may_not)
    with pytest.raises(
        InputError, match=rf"but it has models; name one of them: {folder_of_models}/a, {folder_of_models}/b$"
    ):
        resolve_model(f"{folder_of_models}/")


def test_the_error_lists_models_inside_a_hub_repository(
    folder_of_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained, "snapshot_download", lambda *_, **__: str(folder_of_models))
    with pytest.raises(
        InputError, match=rf"^ours/two@main: .*; name one of them: {folder_of_models}/a, {folder_of_models}/b$"
    ):
        resolve_model("ours/two@main")
