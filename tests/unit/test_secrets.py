"""Passwords stay where they belong: invariant 7."""

import io
import logging
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared_utils.secrets import MaskingFilter, secrets_in_url, without_password


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("rtsp://admin:hunter2@10.0.0.5:554/1", "rtsp://admin:***@10.0.0.5:554/1"),
        ("redis://:hunter2@redis:6379/0", "redis://:***@redis:6379/0"),
        ("rtsp://me@mail.com:hunter2@10.0.0.5/", "rtsp://me@mail.com:***@10.0.0.5/"),
        ("rtsp://admin:hunter2@home@10.0.0.5/", "rtsp://admin:***@10.0.0.5/"),
        ("rtsp://admin:hun:ter2@10.0.0.5/", "rtsp://admin:***@10.0.0.5/"),
        ("rtsp://admin:hun/ter2#?@10.0.0.5/", "rtsp://admin:***@10.0.0.5/"),
        ("no 'rtsp://a:hunter2@b/1' or rtsp://c:hunter2@d!", "no 'rtsp://a:***@b/1' or rtsp://c:***@d!"),
        ('["rtsp://a:hunter2@b/1","rtsp://c:hunter2@d/2"]', '["rtsp://a:***@b/1","rtsp://c:***@d/2"]'),
        ("rtsp://10.0.0.5/user=admin&password=hunter2&channel=1", "rtsp://10.0.0.5/user=admin&password=***&channel=1"),
        ("rtsp://10.0.0.5/live?PWD=hunter2", "rtsp://10.0.0.5/live?PWD=***"),
        ("rtsp://[fe80::1]:554/1", "rtsp://[fe80::1]:554/1"),
        ("rtsp://admin@10.0.0.5:554/1", "rtsp://admin@10.0.0.5:554/1"),
        ("from 10:15 to 10:30, mail a@b.c", "from 10:15 to 10:30, mail a@b.c"),
        ("", ""),
    ],
)
def test_passwords_in_addresses_are_masked_and_nothing_else(text: str, masked: str) -> None:
    """The user name and the host are what one needs to find the camera; the password never is."""
    assert without_password(text) == masked


@given(
    user=st.text(st.characters(exclude_characters="/:=", exclude_categories=["Z", "C"])),
    password=st.text(st.characters(exclude_categories=["Z", "C"]), min_size=4).filter(lambda text: "://" not in text),
)
def test_no_password_survives(user: str, password: str) -> None:
    """People choose passwords that no address may hold, and cameras accept them."""
    address = f"rtsp://{user}:{password}@camera-host.example/stream"

    masked = without_password(f"{address} cannot be opened")

    assert masked == f"rtsp://{user}:***@camera-host.example/stream cannot be opened"


def test_a_long_text_is_masked_in_good_time() -> None:
    """An error may quote a megabyte of garbage; the log must not stand still for it."""
    text = "a" * 500_000 + "rtsp://admin:hunter2@host/ " + "://x:" * 20_000
    began = time.monotonic()

    masked = without_password(text)

    assert "hunter2" not in masked
    assert time.monotonic() - began < 20


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("rtsp://admin:p%40ss%2Fword@host/1", {"p%40ss%2Fword", "p@ss/word"}),
        ("rtsp://admin:p@ss/word@host/1", {"p@ss/word", "p%40ss%2Fword"}),
        ("rtsp://host/user=admin&password=hunter2&channel=1", {"hunter2"}),
        ("redis://:hunter2@redis/0", {"hunter2"}),
        ("rtsp://admin:@host/1", set()),
        ("rtsp://host/1", set()),
        ("", set()),
    ],
)
def test_the_password_of_an_address_is_known_in_every_spelling(url: str, secrets: set[str]) -> None:
    """Libraries print it decoded, encoded, or as we gave it to them."""
    assert set(secrets_in_url(url)) == secrets


def logged(secrets: list[str]) -> tuple[logging.Logger, io.StringIO]:
    """A logger as the services set it up, and what it wrote."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(MaskingFilter(secrets))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    return logger, written


def test_secrets_are_masked_in_messages_arguments_and_tracebacks() -> None:
    """FFmpeg and redis-py quote what they were given, in errors that we only pass on."""
    logger, written = logged(["hunter2", "hunter2-long"])

    try:
        raise ConnectionError("rtsp://admin:hunter2@host refused hunter2-long")
    except ConnectionError as error:
        told = str(error)
        logger.exception("opening %s with %r: %s", "hunter2", ["hunter2-long"], told, stack_info=True)

    text = written.getvalue()
    assert "hunter2" not in text
    assert "-long" not in text, "the longer secret is masked before the shorter one that it begins with"
    assert "opening *** with ['***']: rtsp://admin:***@host refused ***" in text
    assert "Traceback" in text
    assert "Stack" in text


def test_very_short_words_are_not_masked() -> None:
    """A password such as `a` would make every message unreadable and hide nothing."""
    logger, written = logged(["a", "cam", ""])

    logger.warning("a camera can be a camera")

    assert written.getvalue() == "a camera can be a camera\n"


@pytest.mark.parametrize(("message", "arguments"), [("%d of %s", ("hunter2",)), ("%d", ("hunter2",)), ("%(x)s", ({},))])
def test_a_message_that_does_not_fit_its_arguments_is_told_and_masked(
    message: str, arguments: tuple[object, ...]
) -> None:
    """A slip in a log call must not end the thread that made it."""
    logger, written = logged(["hunter2"])

    logger.warning(message, *arguments)

    assert written.getvalue().startswith(message)
    assert "hunter2" not in written.getvalue()
