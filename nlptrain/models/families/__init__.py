"""What differs between families of transformers: a file for each odd one, and a line in the table."""

from nlptrain.models.families.family import Family
from nlptrain.models.families.table import FAMILIES, family_class, family_of

__all__ = ["FAMILIES", "Family", "family_class", "family_of"]
