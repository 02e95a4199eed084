"""Windows of each architecture, X-MOD, and tokenizers that consist of a SentencePiece model."""

import io
from pathlib import Path

import numpy as np
import pytest
import sentencepiece
import torch
import transformers
from transformers import AutoConfig, AutoModel, AutoTokenizer

from nlptrain.errors import InputError
from nlptrain.models import TransformerTokenClassifier, load_token_model
from nlptrain.models.architectures import ARCHITECTURES, Architecture, PositionsBehindPadding, architecture_class
from nlptrain.models.pretrained import resolve_model
from nlptrain.models.tokenization.tokenizer import load_tokenizer
from tests.helpers.architectures import ARCHITECTURES as BUILDERS
from tests.helpers.architectures import POSITIONS, SIZES, save, unigrams
from tests.helpers.corpora import LABELS, make_sentences

SHIFTED = """camembert data2vec-text ibert longformer luke markuplm mpnet roberta roberta-prelayernorm xlm-roberta
    xlm-roberta-xl xmod""".split()
# Settings of each type in addition to the sizes, to make it small.
OWN = {
    "longformer": {"attention_window": [4, 4]},
    "luke": {"entity_vocab_size": 4, "entity_emb_size": 8},
    "xmod": {"languages": ["en_XX", "fr_XX"], "default_language": "fr_XX"},
}


@pytest.fixture(scope="module")
def unlimited_tokenizer(tmp_path_factory: pytest.TempPathFactory) -> transformers.PreTrainedTokenizerBase:
    """A tokenizer without a maximum length."""
    folder = tmp_path_factory.mktemp("unstated")
    BUILDERS["mpnet"](folder)
    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("pad", [1, 3])
@pytest.mark.parametrize("name", SHIFTED)
def test_the_window_is_the_number_of_usable_positions(
    name: str, pad: int, unlimited_tokenizer: transformers.PreTrainedTokenizerBase
) -> None:
    if name == "mpnet" and pad == 3:
        pad = 1  # its positions begin at 2 whatever the padding is
    settings = {**SIZES, **OWN.get(name, {}), "vocab_size": 40, "max_position_embeddings": 20, "pad_token_id": pad}
    config = AutoConfig.for_model(name, **settings)
    window = architecture_class(config).window(config, unlimited_tokenizer)
    assert window == 20 - pad - 1
    model = AutoModel.from_config(config).eval()
    ids = torch.full((1, window + 1), 7)
    with torch.no_grad():
        model(input_ids=ids[:, :window])
        if name == "longformer":  # fills up to its attention window by itself
            return
        with pytest.raises((IndexError, RuntimeError)):
            model(input_ids=ids)


@pytest.mark.parametrize(
    ("model_type", "positions", "max_length", "window"),
    [
        ("bert", 64, 32, 32),
        ("bert", 64, None, 64),
        ("roberta", 514, 512, 512),
        ("roberta", 514, None, 512),
        ("roberta", 66, 512, 64),
        ("deberta-v2", 512, None, 512),
        ("xlnet", None, None, 512),
        ("xlnet", None, 128, 128),
        ("modernbert", 8192, 8192, 8192),
    ],
)
def test_the_window_is_the_smaller_of_model_and_tokenizer_limits(
    model_type: str, positions: int | None, max_length: int | None, window: int, unlimited_tokenizer: object
) -> None:
    config = AutoConfig.for_model(model_type, **({"max_position_embeddings": positions} if positions else {}))

    class LimitedTokenizer:
        model_max_length = int(1e30) if max_length is None else max_length

    assert architecture_class(config).window(config, LimitedTokenizer()) == window  # type: ignore[arg-type]


def test_the_registry_has_all_types_with_offset_positions() -> None:
    assert (
        sorted(name for name, architecture in ARCHITECTURES.items() if issubclass(architecture, PositionsBehindPadding))
        == SHIFTED
    )


def test_unlisted_architectures_use_the_default() -> None:
    for name in ("bert", "ernie", "nystromformer", "deberta-v2", "nlptrain_tagger"):
        assert name not in ARCHITECTURES
    assert architecture_class(AutoConfig.for_model("ernie")) is Architecture
    assert Architecture(AutoConfig.for_model("ernie"), None).inputs(torch.ones(1, 2), torch.ones(1, 2)) == {}  # type: ignore[arg-type]


def xmod(folder: Path, **settings: object) -> Path:
    vocabulary = [*unigrams(("<s>", "<pad>", "</s>", "<unk>")), ("<mask>", 0.0)]
    tokenizer = transformers.XLMRobertaTokenizer(vocab=vocabulary, model_max_length=POSITIONS)
    languages = {"languages": ["en_XX", "fr_XX"], **settings}
    save(folder, transformers.XmodConfig(**SIZES, **languages, max_position_embeddings=POSITIONS + 2), tokenizer)
    return folder


def test_xmod_uses_the_adapters_of_its_language(tmp_path: Path) -> None:
    silent = str(xmod(tmp_path / "silent"))
    words = [words for words, _ in make_sentences(4, 5)]
    with pytest.raises(
        InputError, match="language: missing; expected a language of the model: en_XX, fr_XX; set language in"
    ):
        TransformerTokenClassifier.from_pretrained(silent, LABELS)
    english = TransformerTokenClassifier.from_pretrained(silent, LABELS, language="en_XX")
    french = TransformerTokenClassifier.from_pretrained(silent, LABELS, language="fr_XX")
    assert not np.array_equal(english.logits(words)[0], french.logits(words)[0])
    assert english.fingerprint() != french.fingerprint()
    # with the language in its own config, the same weights read the same
    folder = str(xmod(tmp_path / "stated", default_language="fr_XX"))
    assert np.array_equal(
        TransformerTokenClassifier.from_pretrained(folder, LABELS).logits(words)[0], french.logits(words)[0]
    )
    french.save_pretrained(tmp_path / "saved")
    again = load_token_model(str(tmp_path / "saved"))
    assert again.fingerprint() == french.fingerprint()
    assert np.array_equal(again.logits(words)[0], french.logits(words)[0])


@pytest.fixture
def published_folder(tmp_path: Path) -> Path:
    """Write a DeBERTa whose tokenizer is ``spm.model`` only, as in microsoft/deberta-v3-*."""
    BUILDERS["deberta-v2"](tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "DebertaV2Tokenizer"}')
    model_file = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([" ".join(words) for words, _ in make_sentences(60, 1)]),
        model_writer=model_file,
        vocab_size=90,
        pad_id=0,
        bos_id=1,
        eos_id=2,
        unk_id=3,
        pad_piece="[PAD]",
        bos_piece="[CLS]",
        eos_piece="[SEP]",
        unk_piece="[UNK]",
        minloglevel=2,
        hard_vocab_limit=False,
    )
    (tmp_path / "spm.model").write_bytes(model_file.getvalue())
    return tmp_path


def test_a_sentencepiece_model_is_loaded_as_a_tokenizer(published_folder: Path) -> None:
    tokenizer, window = load_tokenizer(resolve_model(str(published_folder)))
    assert window == POSITIONS
    subwords = tokenizer(["Ada", "lives"], is_split_into_words=True)["input_ids"]
    tokens = "".join(tokenizer.convert_ids_to_tokens(subwords))
    assert tokens.endswith("\u2581Ada\u2581lives[SEP]")


@pytest.mark.parametrize(
    ("without", "package"), [("sentencepiece", "sentencepiece"), ("google.protobuf", "protobuf")], ids=str
)
def test_missing_packages_for_a_sentencepiece_model_are_reported(
    published_folder: Path, monkeypatch: pytest.MonkeyPatch, without: str, package: str
) -> None:
    from nlptrain.models.tokenization import tokenizer

    find_spec = tokenizer.find_spec
    monkeypatch.setattr(tokenizer, "find_spec", lambda name: None if name == without else find_spec(name))
    with pytest.raises(InputError, match=rf"\({package} not installed\); pip install 'nlptrain\[slow\]'"):
        load_tokenizer(resolve_model(str(published_folder)))
