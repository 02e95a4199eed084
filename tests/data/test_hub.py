"""Data sets of the Hub. There is no network here: a folder of the name that is asked for stands for the Hub's."""

from pathlib import Path

import pytest

from nlptrain.data.corpus import Corpus
from nlptrain.data.hub import _fetched, hub_files
from nlptrain.data.text_files import expand
from nlptrain.errors import InputError
from tests.helpers.commands import call


@pytest.fixture
def hub(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """``ours/made``, with the splits train and validation, whose tags are numbers with class names."""
    import datasets

    monkeypatch.chdir(corpus)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", corpus / "cache")
    _fetched.cache_clear()
    names = ["O", "B-person", "I-person", "B-place", "I-place"]
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "tokens": datasets.Sequence(datasets.Value("string")),
            "ner_tags": datasets.Sequence(datasets.ClassLabel(names=names)),
        }
    )
    for split, name in (("train", "train"), ("validation", "dev")):
        sentences = list(Corpus(str(corpus / f"{name}.conll")))
        rows = {
            "id": [str(number) for number in range(len(sentences))],
            "tokens": [list(one.words) for one in sentences],
            "ner_tags": [[names.index(tag) for tag in one.tags or ()] for one in sentences],
        }
        target = corpus / "ours/made/data" / f"{split}-00000-of-00001.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_dict(rows, features=features).to_parquet(target)
    return corpus


def test_a_split_is_read_as_the_files_that_it_was_made_of(hub: Path) -> None:
    found = list(Corpus("hub:ours/made:validation"))
    assert found == [
        one.__class__(one.words, one.tags, there.where) for one, there in zip(Corpus("dev.conll"), found, strict=True)
    ]
    assert [one.id for one in found[:2]] == ["0", "1"]


def test_commands_take_it_as_they_take_files(hub: Path) -> None:
    result = call("convert", "hub:ours/made:train", "out.conll")
    assert result.exit_code == 0, result.output
    assert "60 sentences" in result.output
    assert expand(["train.conll", "hub:ours/made:train"])[0] == Path("train.conll")
    assert len(expand(["hub:ours/made:train", "hub:ours/made:train", "train.conll"])) == 2


def test_what_is_wrong_is_said_in_a_line(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        InputError, match=r"hub:ours/made:dev: cannot be had from the Hub \(Unknown split \"dev\""
    ) as found:
        hub_files("hub:ours/made:dev", key="data.dev")
    assert "\n" not in str(found.value)
    with pytest.raises(InputError, match="hub:ours/other:train: cannot be had from the Hub .*bring the folder HF_HOME"):
        hub_files("hub:ours/other:train")
    with pytest.raises(InputError, match="found 'hub:ours/made'; a split of a data set on the Hub is hub:OWNER/NA"):
        hub_files("hub:ours/made")
    monkeypatch.setattr("nlptrain.data.hub.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"the package datasets is not installed; pip install 'nlptrain\[hub\]'"):
        hub_files("hub:ours/made:train")


def test_a_configuration_is_checked_before_the_hub_is_asked(hub: Path) -> None:
    for named, code in (("hub:ours/made", 2), ("hub:ours/made:train", 0)):
        Path("c.yaml").write_text(f"model: org/model\ndata: {{train: '{named}'}}\noutput_dir: out\n")
        result = call("config", "show", "c.yaml", "--command", "transformer_token")
        assert result.exit_code == 0  # which reads no file
        result = call("transformer_token", "c.yaml")
        assert result.exit_code == 2
        assert ("c.yaml: data.train: found 'hub:ours/made'" in result.stderr) == bool(code)


def test_a_name_in_full() -> None:
    from nlptrain.config.data import HUB

    whole = HUB.fullmatch("hub:ours/made@main/english:train")
    assert whole is not None
    assert whole.groupdict() == {"name": "ours/made", "revision": "main", "config": "english", "split": "train"}
