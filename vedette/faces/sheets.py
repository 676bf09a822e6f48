"""The contact sheets: of a person's kept faces, and of strangers by cluster."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared_utils.durable import write_durably
from shared_utils.errors import StorageError
from shared_utils.gallery.appearances import appearances_folder, read_appearances
from shared_utils.gallery.clusters import members
from shared_utils.gallery.crops import crops_of
from shared_utils.gallery.errors import UnreadableArraysError
from shared_utils.gallery.records import Cluster, Identity, IndexedAppearance, KnownEmbedding
from shared_utils.gallery.store import Gallery
from vedette.faces.sheet import Card, Tile, draw_sheet

MOST_CLUSTERS = 50
_MOST_FACES = 7  # one row
_MOST_CAMERAS = 3


@dataclass(frozen=True, slots=True)
class Stranger:
    """A cluster that nobody has named, and where it was seen."""

    cluster: Cluster
    seen: tuple[IndexedAppearance, ...]  # the best first

    @property
    def cameras(self) -> list[str]:
        return sorted({one.camera for one in self.seen})


def write_sheet(path: Path, sheet: bytes) -> None:
    """Raises StorageError."""
    try:
        write_durably(path, sheet)
    except OSError as error:
        raise StorageError(f"The contact sheet {path} cannot be written: {error.strerror or error}.") from error


def person_sheet(gallery: Gallery, person: Identity, faces: Sequence[KnownEmbedding]) -> bytes:
    """All faces of a person; an outline where no picture was kept."""
    crops = crops_of(gallery.database, person.id)
    unique = {face.source_sha256: face for face in faces}  # by several models it is one photo
    tiles = tuple(Tile(crops.get(sha256), face.source) for sha256, face in unique.items())
    lines = (f"since {person.created_at:%Y-%m-%d}", f"{len(tiles)} faces", person.consent or "no consent noted")
    return draw_sheet(person.name, ", ".join(person.embeddings), [Card("", person.name, lines, tiles)])


def strangers_in(gallery: Gallery, clusters: Iterable[Cluster]) -> list[Stranger]:
    """With their appearances."""
    return [Stranger(cluster, tuple(members(gallery.database, cluster.number))) for cluster in clusters]


def strangers_sheet(
    gallery: Gallery, strangers: Sequence[Stranger], total: int, private_cameras: Collection[str] = ()
) -> bytes:
    """A card for each stranger: number, how often, when, where, and the best faces.

    Of `private_cameras` none is shown, not even one that was kept before the camera became private.
    """
    cards = [_card(gallery, stranger, private_cameras) for stranger in strangers]
    shown = f"{len(cards)} of {total}" if total > len(cards) else f"{total}"
    subtitle = f"{shown}, the most often seen first  ·  name one: vedette faces name NUMBER NAME"
    return draw_sheet("Strangers", subtitle, cards)


def times(count: int) -> str:
    """How often, in words."""
    return "seen once" if count == 1 else f"seen {count} times"


def _card(gallery: Gallery, stranger: Stranger, private_cameras: Collection[str]) -> Card:
    cluster = stranger.cluster
    cameras = stranger.cameras
    more = f" and {len(cameras) - _MOST_CAMERAS} more" if len(cameras) > _MOST_CAMERAS else ""
    lines = [
        f"first  {cluster.first_seen:%Y-%m-%d %H:%M} UTC",
        f"last   {cluster.last_seen:%Y-%m-%d %H:%M} UTC",
        ", ".join(cameras[:_MOST_CAMERAS]) + more,
    ]
    return Card(
        str(cluster.number), times(cluster.appearances), tuple(lines), _tiles(gallery, stranger, private_cameras)
    )


def _tiles(gallery: Gallery, stranger: Stranger, private_cameras: Collection[str]) -> tuple[Tile, ...]:
    return tuple(
        Tile(
            None if one.camera in private_cameras else _picture(gallery, one),
            f"{one.started_at:%m-%d %H:%M} {one.camera}",
        )
        for one in stranger.seen[:_MOST_FACES]
    )


def _picture(gallery: Gallery, appearance: IndexedAppearance) -> bytes | None:
    """From the sidecar; None if it is gone, or if the camera's pictures were not to be shown then."""
    try:
        found = read_appearances(appearances_folder(gallery.video) / appearance.path)
    except (UnreadableArraysError, OSError):
        return None
    return next((one.crop_jpeg for one in found if one.track_id == appearance.track.track_id), None)
