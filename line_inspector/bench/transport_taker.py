"""The process that takes frames: `python -m line_inspector.bench.transport_taker WAY FOLDER PROGRESS`.

For each number on standard input it takes so many frames and prints one line of JSON: the hop of each in ns, when the
first was sent and the last taken, and how often it was woken. PROGRESS is a file of 8 bytes in which it keeps count.
"""

import json
import mmap
import sys
import time
from pathlib import Path

from line_inspector.bench.transport_ways import TAKERS, Taker

PATIENCE_MS = 20_000


def main() -> None:
    """Runs until standard input ends."""
    way, folder, progress = sys.argv[1:]
    taker = TAKERS[way](Path(folder))
    with Path(progress).open("r+b") as file, mmap.mmap(file.fileno(), 8) as count:
        print("ready", flush=True)
        for line in sys.stdin:
            print(json.dumps(_round(taker, int(line), count)), flush=True)


def _round(taker: Taker, frames: int, count: mmap.mmap) -> dict[str, object]:
    hops_ns: list[int] = []
    first_ns, wakes = 0, 0
    while len(hops_ns) < frames:
        if not taker.socket.poll(PATIENCE_MS):
            break  # the sender has gone; it will miss the rest
        wakes += 1
        for taken in taker.take():
            first_ns = first_ns or taken.sent_ns
            hops_ns.append(time.monotonic_ns() - taken.sent_ns)
            count[:] = len(hops_ns).to_bytes(8, "little")
    return {"hops_ns": hops_ns, "took_ns": time.monotonic_ns() - first_ns, "wakes": wakes}


if __name__ == "__main__":
    main()
