"""The demo: its synthetic corpus, its configurations, and the sentences that its student labels at the end."""

from nlptrain.demo.corpus import generate_corpus
from nlptrain.demo.files import prepare_demo

__all__ = ["generate_corpus", "prepare_demo"]
