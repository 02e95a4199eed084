"""Measure the training speed of Flair's BiLSTM-CRF; runs in an environment where Flair is installed.

python flair_tagger.py GOLD SENTENCES HIDDEN LAYERS DIM
    reads the first SENTENCES of a CoNLL file, then trains one epoch for each line of standard input and prints a line
    of JSON: the words and the seconds of the epoch, without the time between epochs
"""

import json
import logging
import sys
import tempfile
import time

import flair
import torch
from flair.data import Corpus, Sentence
from flair.datasets import FlairDatapointDataset
from flair.embeddings import OneHotEmbeddings
from flair.models import SequenceTagger
from flair.trainers import ModelTrainer
from flair.trainers.plugins import TrainerPlugin
from gold import sentences


class Clock(TrainerPlugin):
    """The time from the first batch of an epoch to its last."""

    @TrainerPlugin.hook
    def before_training_epoch(self, **_):
        """Start the clock."""
        self.started = time.perf_counter()

    @TrainerPlugin.hook
    def after_training_epoch(self, **_):
        """Stop the clock."""
        self.seconds = time.perf_counter() - self.started


def read(path, count):
    """Read the first ``count`` sentences of a CoNLL file."""
    read_sentences = []
    for words, tags in sentences(path):
        sentence = Sentence(words, use_tokenizer=False)
        start = None
        for position, tag in enumerate([*tags, "O"]):
            if start is not None and not tag.startswith("I-"):
                sentence[start:position].add_label("ner", tags[start][2:])
                start = None
            if tag.startswith("B-"):
                start = position
        read_sentences.append(sentence)
        if len(read_sentences) == count:
            break
    return read_sentences


def main(path, count, hidden, layers, dim):
    """Train one epoch for each line of standard input."""
    logging.getLogger("flair").setLevel(logging.WARNING)
    flair.set_seed(0)
    torch.set_num_threads(1)
    flair.device = torch.device("cpu")
    train = read(path, int(count))
    corpus = Corpus(FlairDatapointDataset(train), FlairDatapointDataset(train[:2]), FlairDatapointDataset(train[:2]))
    labels = corpus.make_label_dictionary("ner", add_unk=False)
    tagger = SequenceTagger(
        embeddings=OneHotEmbeddings.from_corpus(corpus, min_freq=1, embedding_length=int(dim)),
        tag_dictionary=labels,
        tag_type="ner",
        tag_format="BIO",
        hidden_size=int(hidden),
        rnn_layers=int(layers),
    )
    for _ in sys.stdin:
        clock = Clock()
        with tempfile.TemporaryDirectory() as folder:
            ModelTrainer(tagger, corpus).train(
                folder, max_epochs=1, plugins=[clock], embeddings_storage_mode="none", save_final_model=False
            )
        print(json.dumps({"words": sum(map(len, train)), "seconds": clock.seconds}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
