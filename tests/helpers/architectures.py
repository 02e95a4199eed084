"""Tiny pretrained encoders of common architectures, each with its own tokenizer.

Each builder writes a folder as a checkpoint of that architecture has it: a base model of random weights (2 layers, 32
wide) and a tokenizer of the architecture's own class. The vocabularies have the words of ``make_sentences`` by their
first three letters, the rest of the word, and every single letter; models read 64 tokens at once if they have a limit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from string import ascii_letters
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PretrainedConfig, PreTrainedTokenizerBase

from tests.helpers.corpora import make_sentences

MARKS = ".,!?-@#&'\"()1234567890"
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
POSITIONS = 64


def words_of(*, lower: bool = False) -> list[str]:
    """Return the words of the sentences, sorted."""
    vocabulary = {word for words, _ in make_sentences(300, 0) for word in words}
    return sorted({word.lower() for word in vocabulary} if lower else vocabulary)


def save(folder: Path, config: PretrainedConfig, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write the base model of ``config`` and ``tokenizer``."""
    torch.manual_seed(0)
    config.vocab_size = len(tokenizer)
    transformers.AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


# --- WordPiece: bert, distilbert, electra, mpnet ---


def wordpieces(specials: Iterable[str]) -> dict[str, int]:
    words = words_of(lower=True)
    tokens = [*specials, *(word[:3] for word in words), *(f"##{word[3:]}" for word in words if len(word) > 3)]
    letters = sorted(set(ascii_letters.lower()))
    tokens += [*letters, *MARKS, *(f"##{letter}" for letter in letters)]
    return {token: index for index, token in enumerate(dict.fromkeys(tokens))}


BERT_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def bert(folder: Path) -> None:
    tokenizer = transformers.BertTokenizer(vocab=wordpieces(BERT_SPECIALS), model_max_length=POSITIONS)
    save(folder, transformers.BertConfig(**SIZES, max_position_embeddings=POSITIONS), tokenizer)


def distilbert(folder: Path) -> None:
    tokenizer = transformers.DistilBertTokenizer(vocab=wordpieces(BERT_SPECIALS), model_max_length=POSITIONS)
    config = transformers.DistilBertConfig(
        dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=POSITIONS
    )
    save(folder, config, tokenizer)


def electra(folder: Path) -> None:
    tokenizer = transformers.ElectraTokenizer(vocab=wordpieces(BERT_SPECIALS), model_max_length=POSITIONS)
    config = transformers.ElectraConfig(**SIZES, embedding_size=16, max_position_embeddings=POSITIONS)
    save(folder, config, tokenizer)


def mpnet(folder: Path) -> None:
    vocabulary = wordpieces(("<s>", "<pad>", "</s>", "[UNK]", "<mask>"))
    tokenizer = transformers.MPNetTokenizer(vocab=vocabulary)
    save(folder, transformers.MPNetConfig(**SIZES, max_position_embeddings=POSITIONS + 2), tokenizer)


# --- Byte-level BPE: roberta, modernbert ---


def merged(words: Iterable[str], opening: str = "", closing: str = "") -> Iterator[tuple[str, str]]:
    """Yield merges that join the first three letters of each word with ``opening``, its last two with ``closing``."""
    for word in words:
        letters = [opening, *word[:3]] if opening else list(word[:3])
        if len(word) <= 3 and closing:
            letters[-1] += closing
        while len(letters) > 1:
            yield letters[0], letters[1]
            letters[:2] = [letters[0] + letters[1]]
        if len(word) > 4:
            yield word[-2], word[-1] + closing


def byte_pairs(specials: Iterable[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Return the vocabulary (256 bytes and the merged tokens) and the merges."""
    merges = list(dict.fromkeys(merged(words_of(), opening="\u0120")))
    tokens = [*specials, *sorted(pre_tokenizers.ByteLevel.alphabet()), *("".join(pair) for pair in merges)]
    return {token: index for index, token in enumerate(dict.fromkeys(tokens))}, merges


ROBERTA_SPECIALS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


def roberta(folder: Path) -> None:
    vocabulary, merges = byte_pairs(ROBERTA_SPECIALS)
    tokenizer = transformers.RobertaTokenizer(vocab=vocabulary, merges=merges, model_max_length=POSITIONS)
    save(folder, transformers.RobertaConfig(**SIZES, max_position_embeddings=POSITIONS + 2), tokenizer)


def modernbert(folder: Path) -> None:
    """As published: no tokenizer class, and byte-level tokens without a space before the first word."""
    vocabulary, merges = byte_pairs(("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"))
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    names = {"unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "pad": "[PAD]", "mask": "[MASK]"}
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=POSITIONS,
        **{f"{key}_token": value for key, value in names.items()},
    )
    ids = {f"{key}_token_id": vocabulary[names[key]] for key in ("pad", "cls", "sep")}
    config = transformers.ModernBertConfig(
        **SIZES,
        **ids,
        bos_token_id=ids["cls_token_id"],
        eos_token_id=ids["sep_token_id"],
        max_position_embeddings=POSITIONS,
        local_attention=16,
        global_attn_every_n_layers=2,
    )
    save(folder, config, fast)


# --- Unigram after Metaspace: albert, deberta-v2, xlm-roberta, xlnet ---


def unigrams(specials: Iterable[str], *, lower: bool = False) -> list[tuple[str, float]]:
    """Return tokens with log-probabilities, in which one token of three letters is likelier than three of one."""
    words = words_of(lower=lower)
    letters = sorted(set(ascii_letters.lower() if lower else ascii_letters))
    scored = [(token, 0.0) for token in specials]
    scored += [(f"\u2581{word[:3]}", -5.0) for word in words]
    scored += [(word[3:], -6.0) for word in words if len(word) > 4]
    scored += [(token, -9.0) for token in ("\u2581", *letters, *MARKS)]
    return list({token: (token, score) for token, score in reversed(scored)}.values())[::-1]


def albert(folder: Path) -> None:
    vocabulary = unigrams(("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"), lower=True)
    tokenizer = transformers.AlbertTokenizer(vocab=vocabulary, model_max_length=POSITIONS)
    config = transformers.AlbertConfig(
        **SIZES,
        embedding_size=16,
        max_position_embeddings=POSITIONS,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    save(folder, config, tokenizer)


def deberta_v2(folder: Path) -> None:
    """As the v3 checkpoints: relative positions, limited by the distance table only."""
    vocabulary = unigrams(("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"))
    tokenizer = transformers.DebertaV2Tokenizer(vocab=vocabulary, unk_id=3)
    config = transformers.DebertaV2Config(
        **SIZES,
        max_position_embeddings=POSITIONS,
        relative_attention=True,
        position_buckets=16,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        type_vocab_size=0,
    )
    save(folder, config, tokenizer)


def xlm_roberta(folder: Path) -> None:
    vocabulary = [*unigrams(("<s>", "<pad>", "</s>", "<unk>")), ("<mask>", 0.0)]
    tokenizer = transformers.XLMRobertaTokenizer(vocab=vocabulary, model_max_length=POSITIONS)
    save(folder, transformers.XLMRobertaConfig(**SIZES, max_position_embeddings=POSITIONS + 2), tokenizer)


def xlnet(folder: Path) -> None:
    """Without a length limit; pads on the left; ``<sep> <cls>`` are the last tokens."""
    specials = ("<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>", "<eod>", "<eop>")
    tokenizer = transformers.XLNetTokenizer(vocab=unigrams(specials))
    config = transformers.XLNetConfig(d_model=32, n_layer=2, n_head=2, d_inner=64)
    save(folder, config, tokenizer)


# --- BPE of Moses' words, in Python only: xlm, flaubert ---

MOSES_SPECIALS = ("<s>", "</s>", "<pad>", "<unk>", *(f"<special{index}>" for index in range(10)))
MOSES_MODEL: dict[str, Any] = {"emb_dim": 32, "n_layers": 2, "n_heads": 2, "max_position_embeddings": POSITIONS}


def moses_files(folder: Path, *, lower: bool) -> dict[str, str]:
    """Write vocab.json and merges.txt; return the arguments of a tokenizer that reads them."""
    letters = sorted(set(ascii_letters.lower() if lower else ascii_letters)) + list(MARKS)
    merges = list(dict.fromkeys(merged(words_of(lower=lower), closing="</w>")))
    tokens = [*MOSES_SPECIALS, *letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges)]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys(tokens))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "merges.txt").write_text("".join(f"{first} {second}\n" for first, second in merges), encoding="utf-8")
    return {"vocab_file": str(folder / "vocab.json"), "merges_file": str(folder / "merges.txt")}


def xlm(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files = moses_files(folder, lower=True)
    save(folder, transformers.XLMConfig(**MOSES_MODEL), transformers.XLMTokenizer(**files))


def xlm_multilingual(folder: Path) -> None:
    """As xlm-mlm-tlm-xnli15: an embedding per language, and no default language."""
    folder.mkdir(parents=True, exist_ok=True)
    languages = {"ar": 0, "en": 1, "fr": 2}
    names = {index: name for name, index in languages.items()}
    tokenizer = transformers.XLMTokenizer(
        **moses_files(folder, lower=False),
        lang2id=languages,
        id2lang=names,
        do_lowercase_and_remove_accent=False,
    )
    config = transformers.XLMConfig(**MOSES_MODEL, n_langs=3, use_lang_emb=True, lang2id=languages, id2lang=names)
    save(folder, config, tokenizer)


def flaubert(folder: Path, *, pre_norm: bool = False) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files = moses_files(folder, lower=False)
    config = transformers.FlaubertConfig(**MOSES_MODEL, pre_norm=pre_norm)
    save(folder, config, transformers.FlaubertTokenizer(**files, do_lowercase=False))


def flaubert_pre_norm(folder: Path) -> None:
    flaubert(folder, pre_norm=True)


ARCHITECTURES: dict[str, Callable[[Path], None]] = {
    "bert": bert,
    "distilbert": distilbert,
    "electra": electra,
    "mpnet": mpnet,
    "roberta": roberta,
    "modernbert": modernbert,
    "albert": albert,
    "deberta-v2": deberta_v2,
    "xlm-roberta": xlm_roberta,
    "xlnet": xlnet,
    "xlm": xlm,
    "xlm-multilingual": xlm_multilingual,
    "flaubert": flaubert,
    "flaubert-pre-norm": flaubert_pre_norm,
}
SLOW = ("xlm", "xlm-multilingual", "flaubert", "flaubert-pre-norm")
FAST = tuple(name for name in ARCHITECTURES if name not in SLOW)
