"""What the C library's allocator is told before the server starts."""

import ctypes
from typing import Final

LARGE_BYTES: Final = 2 * 2**20
"""From this size on a block is mapped alone: a column of 262,144 points, but no piece of a file."""

ARENAS: Final = 2
"""How many heaps the threads share; Python runs one of them at a time."""

_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def return_large_blocks() -> bool:
    """Have blocks of `LARGE_BYTES` and more go back to the system when they are freed.

    glibc by itself raises that size to the largest block that it has seen freed, up to 32 MiB. Then
    one reading of a long series leaves tens of megabytes behind that the server never needs again.
    False where the C library has no such setting; memory is then as that library keeps it.
    """
    wanted = ((_M_MMAP_THRESHOLD, LARGE_BYTES), (_M_ARENA_MAX, ARENAS))
    try:
        mallopt = ctypes.CDLL(None).mallopt
        return all(mallopt(name, value) == 1 for name, value in wanted)
    except (OSError, AttributeError, TypeError):
        return False
