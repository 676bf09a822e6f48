"""The first `vedette.yml` and `.env`: their text, without writing anything."""

import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

from shared_utils.config.addresses import rtsp_address
from shared_utils.errors import WrongUseError
from shared_utils.secrets import without_password
from shared_utils.segments import CAMERA_NAME

SCHEMA_FILE = "docs/reference/vedette.schema.json"
# The plain names mean something of their own, and unknown names with the prefix are refused.
_RESERVED = {"REDIS_URL", "RTSP_URL"}
_PREFIX = "VEDETTE_"

_HEAD = """\
# Vedette's configuration. Every key: docs/reference/configuration.md; all of them with comments: vedette.example.yml.
# After a change: vedette check
{schema_line}
cameras:
"""
_CAMERA = """\
  {name}:
    url: ${{{variable}}}  # the address with its password is in .env
    record: motion  # motion, continuous or off
    # segment_seconds: 30  # length of a recorded file
    # pre_roll_seconds: 5  # video kept from before the motion
    # post_roll_seconds: 5  # and from after it
    # motion:
    #   min_area: 0.002  # smallest moving part of the picture that counts
    #   masks: [[[0, 0], [1, 0], [1, 0.1], [0, 0.1]]]  # ignore the top tenth, where the camera writes the time
    analyses: [objects, faces]  # what is looked for in its segments; faces need weights: vedette models fetch
"""
_TAIL = """
storage:  # the oldest segments go first
  max_disk_usage_gb: 100
  max_age_hours: 720  # 30 days
  keep_free_gb: 2
"""


@dataclass(frozen=True, slots=True)
class NewCamera:
    """A camera to be written down; `url` is complete, password included."""

    name: str
    url: str

    def __repr__(self) -> str:
        return f"NewCamera({self.name!r})"


def new_camera(name: str, url: str) -> NewCamera:
    """Raises WrongUseError for a name or an address that cannot be used; the address is not shown."""
    if not re.fullmatch(CAMERA_NAME, name):
        raise WrongUseError(
            f"{without_password(name)!r} is no camera name. Use a-z, 0-9, - and _, at most 64, "
            "the first and the last a letter or digit, for example front-door."
        )
    try:
        # quotes and backslashes mean something in .env; encoded they mean the same to the camera
        return NewCamera(name, rtsp_address(url).replace("'", "%27").replace("\\", "%5C"))
    except ValueError as error:
        raise WrongUseError(f"The address of camera {name!r} must be {error}.") from None


def with_login(url: str, user: str, password: str) -> str:
    """The address with user and password, percent-encoded as they must be."""
    parts = urlsplit(url)
    login = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    return urlunsplit(parts._replace(netloc=f"{login}@{parts.netloc}")) if user else url


def variables_for(cameras: Sequence[NewCamera]) -> dict[str, str]:
    """A variable for each camera, by camera name: FRONT_DOOR_URL. Raises WrongUseError for a name given twice."""
    found: dict[str, str] = {}
    for camera in cameras:
        if camera.name in found:
            raise WrongUseError(f"There are two cameras named {camera.name!r}. Give each a name of its own.")
        found[camera.name] = _variable(camera.name, set(found.values()))
    return found


def _variable(name: str, taken: Collection[str]) -> str:
    plain = name.upper().replace("-", "_") + "_URL"
    if plain in _RESERVED or plain.startswith(_PREFIX) or not plain[0].isalpha():
        plain = f"CAMERA_{plain}"
    number, variable = 2, plain
    while variable in taken:  # front-door and front_door
        number, variable = number + 1, f"{plain}_{number}"
    return variable


def config_text(cameras: Sequence[NewCamera], variables: Mapping[str, str], *, names_schema: bool) -> str:
    """`vedette.yml`, commented; it holds no secret."""
    schema_line = f"# yaml-language-server: $schema={SCHEMA_FILE}\n" if names_schema else ""
    sections = (_CAMERA.format(name=camera.name, variable=variables[camera.name]) for camera in cameras)
    return _HEAD.format(schema_line=schema_line) + "".join(sections) + _TAIL


def dotenv_text(
    existing: str, cameras: Sequence[NewCamera], variables: Mapping[str, str], config_name: str, *, replace: bool
) -> str:
    """`.env` with the cameras' addresses; what it already says stays.

    Raises WrongUseError if a variable is there with another value, unless `replace`.
    """
    settings = {variables[camera.name]: f"'{camera.url}'" for camera in cameras}
    lines = existing.splitlines()
    known = {name: number for number, line in enumerate(lines) if (name := _name_in(line))}
    for name, value in settings.items():
        if name not in known:
            lines.append(f"{name}={value}")
        elif lines[known[name]] != f"{name}={value}":
            if not replace:
                raise WrongUseError(f"{name} is in .env already, with another value. Use --force to replace it.")
            lines[known[name]] = f"{name}={value}"
    if "CONFIG_FILE" not in known:
        lines.append(f"CONFIG_FILE=./{config_name}  # for docker compose")
    if "REDIS_PASSWORD" not in known:
        lines.append(f"REDIS_PASSWORD={secrets.token_hex(24)}  # for docker compose")
    return "\n".join(lines) + "\n"


def _name_in(line: str) -> str | None:
    found = re.match(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=", line)
    return found[1] if found else None
