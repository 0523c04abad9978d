import subprocess
import sys

PROGRAM = """
import ctypes
import sys
from pathlib import Path
from line_inspector.heap import LARGE_BYTES, keep_large_blocks_apart

if "apart" in sys.argv:
    keep_large_blocks_apart()
for _ in range(3):
    block = None
    block = bytearray(8 * LARGE_BYTES)
address = ctypes.addressof(ctypes.c_char.from_buffer(block))
heap = next(line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith("[heap]"))
start, end = (int(number, 16) for number in heap.split()[0].split("-"))
print(start <= address < end)
"""


def in_heap(*arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_large_block_that_is_made_again_lies_outside_the_heap() -> None:
    assert in_heap() == "True", "glibc no longer does what this is for"
    assert in_heap("apart") == "False"
