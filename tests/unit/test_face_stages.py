"""Steps that run at the same time, and how they end when one of them fails."""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from threading import Event

import pytest

from face_worker.stages import Stages
from shared_utils.errors import SegmentError, StorageError

Step = Callable[[Iterator[int]], Iterator[int]]
NAMES = ("decode", "detect", "track", "embed")


def numbers(most: int, made: list[int]) -> Iterator[int]:
    for number in range(most):
        made.append(number)
        yield number


def passing_on(items: Iterator[int]) -> Iterator[int]:
    yield from items


def failing(items: Iterator[int], error: Exception, after: int) -> Iterator[int]:
    for number, item in enumerate(items):
        if number == after:
            raise error
        yield item
    raise error


def through(items: Iterator[int], *steps: Step) -> list[int]:
    """All that comes out of the last of the steps."""
    with Stages() as stages:
        for name, step in zip(NAMES, steps, strict=False):
            items = stages.run(name, step(items))
        return list(items)


def stage_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(NAMES)]


@pytest.mark.timeout(20)
def test_what_goes_in_comes_out_in_order() -> None:
    """Frames that overtake each other would give a path that jumps to and fro."""
    found = through(numbers(100, []), *[passing_on] * 4)

    assert found == list(range(100))
    assert stage_threads() == []


@pytest.mark.timeout(20)
def test_each_step_works_in_a_thread_of_its_own() -> None:
    """Decoding and the detector must be able to use one core each."""
    seen: dict[str, str] = {}

    def noting(name: str, items: Iterator[int]) -> Iterator[int]:
        for item in items:
            seen[name] = threading.current_thread().name
            yield item

    through(numbers(3, []), *[partial(noting, name) for name in NAMES])

    assert [name for name in NAMES if seen[name].startswith(name)] == list(NAMES)
    assert len(set(seen.values())) == len(NAMES)


@pytest.mark.timeout(20)
def test_a_fast_step_does_not_run_away() -> None:
    """Half a minute of 4K frames in memory would end the worker."""
    made: list[int] = []
    with Stages() as stages:
        items = stages.run("detect", passing_on(stages.run("decode", numbers(1000, made))))
        taken = [next(items) for _ in range(10)]

    assert taken == list(range(10))
    assert len(made) < 10 + 8


@pytest.mark.timeout(20)
@pytest.mark.parametrize("where", range(len(NAMES)))
@pytest.mark.parametrize("after", [0, 5, 1000])
@pytest.mark.parametrize("error", [SegmentError("it is broken"), StorageError("it is away"), ValueError("a fault")])
def test_the_error_of_any_step_ends_all_of_them(where: int, after: int, error: Exception) -> None:
    """Whether a task is tried again, waits or fails for good hangs on the kind of the error; and nothing may hang."""
    steps: list[Step] = [passing_on] * 4
    steps[where] = partial(failing, error=error, after=after)

    with pytest.raises(type(error)) as raised:
        through(numbers(50, []), *steps)

    assert raised.value is error
    assert stage_threads() == []


@pytest.mark.timeout(20)
def test_a_consumer_that_fails_ends_every_step() -> None:
    """The last step is the one that nobody waits for: who takes its results may raise as well."""
    closed = Event()

    def closing(items: Iterator[int]) -> Iterator[int]:
        try:
            yield from items
        finally:
            closed.set()

    def fail_at_the_first() -> None:
        with Stages() as stages:
            frames = stages.run("decode", closing(numbers(1000, [])))
            for item in stages.run("detect", passing_on(frames)):
                raise KeyError(item)

    with pytest.raises(KeyError):
        fail_at_the_first()

    assert closed.is_set(), "an open file would stay open"
    assert stage_threads() == []


@pytest.mark.timeout(20)
def test_of_two_errors_the_one_that_comes_first_in_order_is_told() -> None:
    """Where two steps fail, the same segment must give the same error each time it is tried."""
    later = partial(failing, error=ValueError("at the fifth"), after=5)
    earlier = partial(failing, error=SegmentError("at the third"), after=3)

    with pytest.raises(SegmentError, match="at the third"):
        through(numbers(50, []), later, earlier)


@pytest.mark.timeout(20)
def test_a_step_that_is_never_asked_begins_nothing() -> None:
    """A block that ends before its first result, for whatever reason, leaves no thread behind."""
    made: list[int] = []
    with Stages() as stages:
        stages.run("decode", numbers(10, made))

    assert made == []
    assert stage_threads() == []
