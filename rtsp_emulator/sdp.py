"""What DESCRIBE answers: the tracks of a camera in SDP (RFC 4566, with the payload formats' own lines)."""

from base64 import b64encode

from rtsp_emulator import nal
from rtsp_emulator.clips import Track

FIRST_PAYLOAD_TYPE = 96


def payload_type(number: int) -> int:
    """The RTP payload type of the camera's track of this number."""
    return FIRST_PAYLOAD_TYPE + number


def session_description(camera: str, tracks: tuple[Track, ...]) -> str:
    """The whole answer to DESCRIBE; track N is controlled as `trackID=N`."""
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", f"s={camera}", "c=IN IP4 0.0.0.0", "t=0 0", "a=control:*"]
    for number, track in enumerate(tracks):
        kind = payload_type(number)
        lines += [f"m={track.kind} 0 RTP/AVP {kind}", f"a=control:trackID={number}"]
        lines += [f"a=rtpmap:{kind} {_encoding(track)}"]
        parameters = _format_parameters(track)
        lines += [f"a=fmtp:{kind} {parameters}"] if parameters else []
    return "\r\n".join(lines) + "\r\n"


def _encoding(track: Track) -> str:
    return {
        "h264": "H264/90000",
        "hevc": "H265/90000",
        "aac": f"MPEG4-GENERIC/{track.clock_rate}/{track.channels}",
        "pcm_mulaw": f"PCMU/{track.clock_rate}/{track.channels}",
        "pcm_alaw": f"PCMA/{track.clock_rate}/{track.channels}",
        "opus": "opus/48000/2",  # always two by RFC 7587, even when the sound is mono
    }[track.codec]


def _format_parameters(track: Track) -> str:
    if track.codec == "h264":
        sets = ",".join(b64encode(unit).decode() for unit in track.parameter_sets)
        profile = track.parameter_sets[0][1:4].hex()
        return f"packetization-mode=1;profile-level-id={profile};sprop-parameter-sets={sets}"
    if track.codec == "hevc":
        names = dict(zip(nal.PARAMETER_SET_TYPES["hevc"], ("sprop-vps", "sprop-sps", "sprop-pps"), strict=True))
        sets_of = {name: [u for u in track.parameter_sets if nal.nal_type("hevc", u) == t] for t, name in names.items()}
        return ";".join(f"{name}={','.join(b64encode(u).decode() for u in units)}" for name, units in sets_of.items())
    if track.codec == "aac":
        return (
            "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;"
            f"config={track.config.hex()}"
        )
    return ""
