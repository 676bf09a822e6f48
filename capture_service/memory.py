"""How the C library hands out memory to many threads."""

import ctypes

M_ARENA_MAX = -8  # malloc.h
MOST_ARENAS = 2


def share_memory_among_threads() -> None:
    """Let all threads take memory from a few arenas; call it before the first thread starts.

    glibc gives every thread an arena until there are eight for each core, and what a decoder gives back to its own
    arena serves no other. With 24 cameras that grew for eight minutes and to a quarter more. Elsewhere (musl) this
    does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_ARENA_MAX, MOST_ARENAS)
