"""Steps of one work that run at the same time, each in a thread of its own and only a little ahead of the next."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Final, TypeVar

T = TypeVar("T")

_AHEAD = 2  # results that wait for the next step: enough to keep two cores busy, few enough for frames of 4K


class _End:
    """Comes after the last item."""


_END: Final = _End()


class Stages(ExitStack):
    """Generators that feed each other, each in its own thread while the block runs.

        with Stages() as stages:
            frames = stages.run("decode", decode(path))
            found = stages.run("detect", detect(frames))
            ...

    Nobody pushes: a step works when the next one has room for a result. So none can be stuck with one that nobody
    takes. What a step raises is raised where its results are taken, in their order: the error that ends the block is
    the one that doing one step after the other would have ended with. At the end of the block every generator is
    closed, the last one first, and every thread has ended.
    """

    def run(self, name: str, items: Iterator[T]) -> Iterator[T]:
        """The same items, made in a thread of this name once the first of them is asked for."""
        return self.enter_context(closing(_ahead(name, items)))


def _ahead(name: str, items: Iterator[T]) -> Generator[T, None, None]:
    # The future of a `next` carries a result or an error, and can be cancelled: a bounded queue would need a protocol
    # for each of these.
    thread = ThreadPoolExecutor(1, thread_name_prefix=name)
    waiting: deque[Future[T | _End]] = deque()
    try:
        while True:
            while len(waiting) < _AHEAD:
                waiting.append(thread.submit(next, items, _END))
            item = waiting.popleft().result()
            if isinstance(item, _End):
                return
            yield item
    finally:
        thread.shutdown(cancel_futures=True)
        if isinstance(items, Generator):
            items.close()
