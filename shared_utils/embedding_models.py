"""What the model of an embedding is called: its pack, and which weights lay in the pack then.

Embeddings are compared where this is equal and nowhere else. The name of the pack alone would be a promise that whoever
replaces the weights in a folder breaks, and strangers would get names.
"""

SEPARATOR = ":"  # stands in no name of a pack, which becomes part of file names
_DIGITS = 8


def embedding_model(pack: str, recogniser_id: str) -> str:
    """`<pack>:<first 8 hex digits of the SHA-256 of the recogniser>`."""
    return f"{pack}{SEPARATOR}{recogniser_id[:_DIGITS]}"


def pack_of(model: str) -> str:
    """The pack, as log lines and the names of sidecars have it."""
    return model.partition(SEPARATOR)[0]
