"""Names of people: as they are written, and as they are compared."""

import unicodedata

from shared_utils.gallery.errors import GalleryUseError
from shared_utils.gallery.snapshot import UNKNOWN

MOST_CHARACTERS = 100
MOST_IN_A_NOTE = 2000


def written(name: str) -> str:
    """The name as it is kept: single spaces, one way of encoding. Raises GalleryUseError if it cannot be a name."""
    found = " ".join(unicodedata.normalize("NFC", name).split())
    if not found or len(found) > MOST_CHARACTERS:
        raise GalleryUseError(f"{name!r} cannot be a name: it must have 1 to {MOST_CHARACTERS} characters.")
    if any(unicodedata.category(character) in {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"} for character in found):
        raise GalleryUseError(f"{name!r} cannot be a name: it holds characters that cannot be printed.")
    if compared(found) == UNKNOWN:
        raise GalleryUseError(f"{name!r} cannot be a name: the log calls everybody so who has none.")
    return found


def compared(name: str) -> str:
    """Two names are one if this is equal: 'Zoë' is 'ZOË', however the ë and the letters' width are encoded."""
    folded = unicodedata.normalize("NFKC", storable(name)).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def storable(text: str) -> str:
    """Without halves of characters, which file names and command lines may hold, and no database takes."""
    return text.encode("utf-8", errors="replace").decode()


def note_of_consent(text: str) -> str:
    """The note as it is kept. Raises GalleryUseError if it is too long."""
    found = storable(text).strip()
    if len(found) > MOST_IN_A_NOTE:
        raise GalleryUseError(f"The note of consent has {len(found)} characters; at most {MOST_IN_A_NOTE} are kept.")
    return found
