"""What must not be seen: secrets in files that people read, and pictures of segments that are to be redacted."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from shared_utils.config import Config
from shared_utils.secrets import secrets_in_url
from shared_utils.segments import VideoDir
from vedette.checks.flaws import Flaw, FlawKind

LEAST_LENGTH = 4  # as everywhere: shorter ones are found in every second word
SURE_LENGTH = 6

Exposes = Callable[[bytes], bool]


def exposes_nothing(_: bytes) -> bool:
    """For whoever knows no secrets."""
    return False


def secret_finder(config: Config, *more_urls: str) -> Exposes:
    """Tells whether one of the secrets of the configuration stands in some bytes.

    A password that may be an ordinary word ("person", "front") is looked for only where it stands in an address.
    """
    urls = (*config.secrets, *more_urls)
    words = {word for url in urls for word in secrets_in_url(url) if len(word) >= LEAST_LENGTH}
    needles = {form.encode() for word in words for form in _forms(word)}

    def exposes(data: bytes) -> bool:
        return any(needle in data for needle in needles)

    return exposes


def _forms(word: str) -> Iterable[str]:
    is_a_word = word.isalpha() or word.isdigit() or len(word) < SURE_LENGTH
    return (f":{word}@", f"={word}") if is_a_word else (word,)


def exposed_files(video: VideoDir, exposes: Exposes) -> Iterator[Flaw]:
    """Status files, and service logs that were put into the video folder. What a finding says holds no secret."""
    for path in (*video.status.glob("*.json"), *video.root.glob("*.log"), *video.root.glob("logs/*.log")):
        try:
            with path.open("rb") as handle:
                number = next((number for number, line in enumerate(handle, start=1) if exposes(line)), None)
        except OSError:
            continue  # a status file goes with its service
        if number is not None:
            yield Flaw(FlawKind.SECRET_SHOWN, path, f"line {number}")


def private_pictures(video: VideoDir, config: Config, is_redacted: Callable[[str], bool]) -> Iterator[Flaw]:
    """Snapshots of cameras with `privacy: blur` whose segments have no redacted copy."""
    for name, camera in config.cameras.items():
        if camera.privacy == "none":
            continue
        for path in sorted(video.snapshots.joinpath(name).glob("*/*.jpg")):
            if not is_redacted(path.stem):
                yield _picture(path)


def private_picture(video: VideoDir, segment_id: str) -> Iterator[Flaw]:
    """The snapshot of a segment that has a privacy task and no redacted copy, whatever its camera is set to now."""
    path = video.snapshot(segment_id)
    if path.exists():
        yield _picture(path)


def _picture(path: Path) -> Flaw:
    return Flaw(FlawKind.PRIVATE_PICTURE, path)
