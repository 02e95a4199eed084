"""What the runtime says when a folder cannot be used."""


class FolderError(ValueError):
    """A folder is no exported tagger that this runtime reads; the message says which file, and what to do."""
