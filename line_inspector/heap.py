"""The C library's heap, of a process that makes the same large tables again and again."""

import ctypes

_M_MMAP_THRESHOLD = -3  # mallopt(3)
LARGE_BYTES = 128 * 1024  # glibc's own first threshold


def keep_large_blocks_apart() -> None:
    """Every block of LARGE_BYTES and more has pages of its own for good, which go back when it is freed.

    Otherwise glibc puts such a block into the heap from the second time on, where it leaves a hole that smaller ones
    fill, and the next one makes the heap longer. Nothing happens with a C library that has no mallopt. For a process
    that makes and frees few large blocks: each costs a call to the kernel, and a page fault for every 4 KiB.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
