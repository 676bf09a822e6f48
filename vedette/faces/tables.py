"""Results of the commands as tables for people and as JSON for programs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from shared_utils.clock import to_iso
from shared_utils.gallery.records import Identity, KnownEmbedding
from vedette.faces.enrol import Enrolment
from vedette.faces.photos import shown
from vedette.faces.portraits import Portrait, Refusal
from vedette.faces.sheets import Stranger, times

_MOST_ADDED = 40  # rows of photos that went well; the others are counted


def enrolment_table(done: Enrolment) -> Table:
    """One row for each photo: those refused first, as they are what somebody must act on."""
    table = Table("photo", "", "why, or how good", expand=False)
    for refusal in done.refused:
        table.add_row(_file(refusal.path), Text("refused", "red"), Text(refusal.text))
    for portrait in done.added[:_MOST_ADDED]:
        table.add_row(_file(portrait.photo.path), Text("added", "green"), Text(how_good(portrait)))
    if len(done.added) > _MOST_ADDED:
        table.add_row(f"and {len(done.added) - _MOST_ADDED} more", Text("added", "green"), "")
    return table


def how_good(portrait: Portrait) -> str:
    """The quality of a face in words."""
    quality = portrait.quality
    return f"quality {quality.overall:.2f}: {quality.size_px:.0f} px, sharpness {quality.sharpness:.2f}, " + (
        f"frontality {quality.frontality:.2f}"
    )


def enrolment_json(done: Enrolment, pictures: Mapping[Path, Path]) -> str:
    """Machine-readable."""
    return as_json(
        {
            "name": done.name,
            "identity_id": done.identity.id if done.identity else None,
            "is_new": done.is_new,
            "added": [_added(portrait) for portrait in done.added],
            "refused": [_refused(refusal, pictures) for refusal in done.refused],
        }
    )


def as_json(value: object) -> str:
    """Readable, with letters as they are."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def people_table(people: Iterable[Identity], model: str) -> Table:
    """Everybody in the gallery. `model`: the one in use; who has no face by it is not recognised."""
    table = Table("name", "faces", "not this person", "consent")
    table.add_column("since", no_wrap=True)
    table.add_column("id", no_wrap=True)
    for person in people:
        name = Text(person.name)
        faces = Text(_faces_of(person))
        if not person.embeddings.get(model):
            faces.append(f"  none by {model}", "yellow")
        consent = Text(person.consent) if person.consent else Text("none noted", "yellow")
        rejections = str(person.rejections) if person.rejections else ""
        table.add_row(name, faces, rejections, consent, f"{person.created_at:%Y-%m-%d}", person.id)
    return table


def person_json(person: Identity) -> dict[str, Any]:
    """One person."""
    return {
        "id": person.id,
        "name": person.name,
        "consent": person.consent,
        "created_at": to_iso(person.created_at),
        "faces": dict(person.embeddings),
        "rejections": person.rejections,
    }


def faces_table(faces: Sequence[KnownEmbedding]) -> Table:
    """What one person is known by."""
    table = Table("face", "from", "photo or track", "added", "model", "quality")
    for face in faces:
        kind = "a photo" if face.source_kind == "photo" else "footage"
        added = f"{face.added_at:%Y-%m-%d %H:%M}"
        table.add_row(str(face.id), kind, Text(face.source), added, Text(face.model), f"{face.quality:.2f}")
    return table


def face_json(face: KnownEmbedding) -> dict[str, Any]:
    """One face, without its numbers."""
    return {
        "id": face.id,
        "model": face.model,
        "kind": face.source_kind,
        "source": face.source,
        "sha256": face.source_sha256,
        "quality": round(face.quality, 3),
        "added_at": to_iso(face.added_at),
    }


def strangers_table(strangers: Sequence[Stranger]) -> Table:
    """The numbers to name them by, and where they were seen."""
    table = Table("stranger", "seen")
    table.add_column("first (UTC)", no_wrap=True)
    table.add_column("last (UTC)", no_wrap=True)
    table.add_column("cameras")
    for one in strangers:
        cluster = one.cluster
        table.add_row(
            str(cluster.number),
            times(cluster.appearances).removeprefix("seen "),
            f"{cluster.first_seen:%Y-%m-%d %H:%M}",
            f"{cluster.last_seen:%Y-%m-%d %H:%M}",
            Text(", ".join(one.cameras)),
        )
    return table


def stranger_json(one: Stranger) -> dict[str, Any]:
    """One cluster, with its tracks, the best first."""
    cluster = one.cluster
    return {
        "number": cluster.number,
        "model": cluster.model,
        "appearances": cluster.appearances,
        "segments": cluster.segments,
        "first_seen": to_iso(cluster.first_seen),
        "last_seen": to_iso(cluster.last_seen),
        "cameras": one.cameras,
        "tracks": [{"segment_id": seen.track.segment_id, "track_id": seen.track.track_id} for seen in one.seen],
    }


def photos(count: int) -> str:
    """How many, in words."""
    return "1 photo" if count == 1 else f"{count} photos"


def _faces_of(person: Identity) -> str:
    return ", ".join(f"{count} by {model}" for model, count in person.embeddings.items()) or "none"


def _file(path: Path) -> Text:
    return Text(shown(Path(path.name)))


def _added(portrait: Portrait) -> dict[str, Any]:
    quality = portrait.quality
    return {
        "photo": shown(portrait.photo.path),
        "sha256": portrait.photo.sha256,
        "quality": round(quality.overall, 3),
        "size_px": round(quality.size_px),
        "sharpness": round(quality.sharpness, 3),
        "frontality": round(quality.frontality, 3),
    }


def _refused(refusal: Refusal, pictures: Mapping[Path, Path]) -> dict[str, Any]:
    picture = pictures.get(refusal.path)
    return {
        "photo": shown(refusal.path),
        "reason": str(refusal.reason),
        "text": refusal.text,
        "faces": len(refusal.faces),
        "picture": str(picture) if picture else None,
    }
