"""Two RTSP clients for tests: PyAV in a thread, which sees what capture would, and one that says what it is told."""

import re
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import av

OPEN_SECONDS, READ_SECONDS = 5.0, 1.0
PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One packet as the client got it."""

    kind: str
    pts_seconds: float | None
    is_keyframe: bool
    has_camera_time: bool  # from the camera's sender reports
    arrived: float  # monotonic
    width: int = 0  # of the picture, if it was decoded
    is_damaged: bool = False  # the decoder refused it


def pts_of(packets: Sequence[Seen], kind: str = "video") -> list[float]:
    """The times of one kind, without the first packet's: FFmpeg does not know that one yet."""
    return [one.pts_seconds for one in packets if one.kind == kind and one.pts_seconds is not None][1:]


def count(kind: str, number: int) -> Callable[[Sequence[Seen]], bool]:
    """A condition for `Watcher.wait_for`: so many packets of a kind."""
    return lambda packets: sum(one.kind == kind for one in packets) >= number


class Watcher:
    """Plays a camera in a thread of its own until left; `error` says how it ended, if by itself."""

    def __init__(
        self, url: str, *, transport: str = "tcp", decode: bool = False, read_seconds: float = READ_SECONDS
    ) -> None:
        self._url, self._transport, self._decode, self._read_seconds = url, transport, decode, read_seconds
        self._stop, self._news = threading.Event(), threading.Condition()
        self._packets: list[Seen] = []
        self._ended, self.error = False, ""
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(PATIENCE_SECONDS)

    @property
    def packets(self) -> list[Seen]:
        with self._news:
            return list(self._packets)

    def wait_for(self, condition: Callable[[Sequence[Seen]], bool]) -> list[Seen]:
        """The packets so far, as soon as the condition holds. Raises AssertionError if it will not."""
        with self._news:
            self._news.wait_for(lambda: condition(self._packets) or self._ended, PATIENCE_SECONDS)
            assert condition(self._packets), f"it did not come: {len(self._packets)} packets, {self.error or 'playing'}"
            return list(self._packets)

    def wait_until_ended(self) -> str:
        """The name of the exception that ended it, or "end of stream"."""
        with self._news:
            assert self._news.wait_for(lambda: self._ended, PATIENCE_SECONDS), "the client still plays"
            return self.error

    def _run(self) -> None:
        try:
            self._play()
            self.error = "end of stream"
        except Exception as error:  # noqa: BLE001  # whatever the client ends by is what the test asks for
            self.error = type(error).__name__
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _play(self) -> None:
        options = {"rtsp_transport": self._transport, "fpsprobesize": "0"}
        with av.open(self._url, options=options, timeout=(OPEN_SECONDS, self._read_seconds)) as container:
            for packet in container.demux():
                if self._stop.is_set():
                    return
                if packet.size:
                    seen = self._seen(packet)
                    with self._news:
                        self._packets.append(seen)
                        self._news.notify_all()

    def _seen(self, packet: "av.Packet[av.stream.Stream]") -> Seen:
        width, is_damaged = 0, False
        if self._decode and packet.stream.type == "video":
            try:
                widths = [frame.width for frame in packet.decode() if isinstance(frame, av.VideoFrame)]
                width = widths[-1] if widths else 0
            except av.FFmpegError:
                is_damaged = True
        return Seen(
            kind=packet.stream.type,
            pts_seconds=float(packet.pts * packet.time_base) if packet.pts is not None else None,
            is_keyframe=packet.is_keyframe,
            has_camera_time=packet.has_sidedata("prft"),
            arrived=time.monotonic(),
            width=width,
            is_damaged=is_damaged,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said. Header names are in small letters; of several with one name the last counts."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""


class PlainClient:
    """Sends what a test tells it to, well-formed or not, and reads answers; packets between them are dropped."""

    def __init__(self, port: int, camera: str) -> None:
        self.url = f"rtsp://127.0.0.1:{port}/{camera}"
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        self._input = self._socket.makefile("rb")
        self._sequence, self.session = 0, ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._input.close()
        self._socket.close()

    def ask(self, method: str, url: str | None = None, **headers: str) -> Answer:
        """Send a well-formed request and return its answer. `Session` is sent once there is one."""
        self._sequence += 1
        given = {"CSeq": str(self._sequence)} | ({"Session": self.session} if self.session else {}) | headers
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        self.say(f"{method} {url or self.url} RTSP/1.0\r\n{lines}\r\n".encode())
        answer = self.hear()
        self.session = answer.headers.get("session", self.session).split(";")[0]
        return answer

    def play(self) -> None:
        """Set up the first track within the connection and play it."""
        assert self.ask("SETUP", f"{self.url}/trackID=0", Transport="RTP/AVP/TCP;unicast;interleaved=0-1").status == 200
        assert self.ask("PLAY").status == 200

    def say(self, data: bytes) -> None:
        self._socket.sendall(data)

    def hear(self) -> Answer:
        """The next answer. Raises EOFError if the server has closed the connection."""
        while (first := self._input.read(1)) == b"$":
            self.hear_packet(first)
        if not first:
            raise EOFError("the server closed the connection")
        status = int((first + self._input.readline()).split()[1])
        headers = {}
        while line := self._input.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return Answer(status, headers, self._input.read(int(headers.get("content-length", 0))).decode())

    def read_head(self) -> str:
        """The next answer's lines as they came."""
        lines = iter(lambda: self._input.readline().decode(), "\r\n")
        return "".join(lines)

    def hear_packet(self, first: bytes = b"") -> bytes:
        """The next interleaved packet; empty when the server has closed the connection."""
        head = first + self._input.read(4 - len(first))
        return self._input.read(int.from_bytes(head[2:], "big")) if len(head) == 4 else b""

    def read_raw(self, size: int) -> bytes:
        """The next bytes, whatever they are."""
        return self._input.read(size)

    def quiet_for(self, seconds: float) -> bool:
        """Whether nothing at all comes for so long."""
        self._socket.settimeout(seconds)
        try:
            return not self._socket.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        finally:
            self._socket.settimeout(PATIENCE_SECONDS)

    def how_it_ended(self) -> str:
        """Say "closed", "reset" or "still open", after passing over everything that comes before the end."""
        try:
            while self._socket.recv(65536):
                continue
        except ConnectionResetError:
            return "reset"
        except TimeoutError:
            return "still open"
        return "closed"


def nonce_of(challenge: str) -> str:
    """The nonce in a Digest challenge; empty without one."""
    found = re.search(r'nonce="([^"]*)"', challenge)
    return found[1] if found else ""
