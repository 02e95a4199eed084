"""Train and measure spaCy's ``ner`` on the gold files of a run; runs in an environment where spaCy is installed.

python spacy_ner.py train TRAIN DEV OUT      fit the `efficiency` configuration
python spacy_ner.py score MODEL GOLD         print its entity F1 as a percentage
python spacy_ner.py serve MODEL              tag lists of texts, a JSON line each, and print the seconds of each list
"""

import json
import subprocess
import sys
import time
from pathlib import Path

import spacy
from gold import sentences
from spacy.scorer import Scorer
from spacy.tokens import Doc, DocBin
from spacy.training import Example, biluo_tags_to_spans, iob_to_biluo


def docs(path, nlp):
    """Yield the sentences as spaCy's documents with entities."""
    for words, tags in sentences(path):
        doc = Doc(nlp.vocab, words=words)
        doc.ents = biluo_tags_to_spans(doc, iob_to_biluo(tags))
        yield doc


def train(train_path, dev_path, out):
    """Train spaCy's recommended configuration for efficiency."""
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    nlp = spacy.blank("en")
    for name, path in (("train", train_path), ("dev", dev_path)):
        DocBin(docs=list(docs(path, nlp))).to_disk(folder / f"{name}.spacy")
    config = folder / "config.cfg"
    run = [sys.executable, "-m", "spacy"]
    subprocess.run([*run, "init", "config", str(config), "-l", "en", "-p", "ner", "-o", "efficiency", "-F"], check=True)
    paths = ["--paths.train", str(folder / "train.spacy"), "--paths.dev", str(folder / "dev.spacy")]
    subprocess.run([*run, "train", str(config), "-o", str(folder), *paths], check=True)


def score(model, gold):
    """Print the entity F1 on gold words."""
    nlp = spacy.load(model)
    examples = []
    for doc in docs(gold, nlp):
        predicted = Doc(nlp.vocab, words=[token.text for token in doc])
        for _, part in nlp.pipeline:
            predicted = part(predicted)
        examples.append(Example(predicted, doc))
    print(100 * Scorer.score_spans(examples, "ents")["ents_f"])


def serve(model):
    """Tag each line of standard input."""
    nlp = spacy.load(model)
    for line in sys.stdin:
        texts = json.loads(line)
        started = time.perf_counter()
        entities = [[(ent.start_char, ent.end_char, ent.label_) for ent in doc.ents] for doc in nlp.pipe(texts)]
        print(json.dumps({"seconds": time.perf_counter() - started, "entities": sum(map(len, entities))}), flush=True)


if __name__ == "__main__":
    {"train": train, "score": score, "serve": serve}[sys.argv[1]](*sys.argv[2:])
