"""A cable with delay and loss between two network interfaces, for kernels without netem: run it in their namespace.

python lossy_wire.py FIRST SECOND DELAY_MS LOSS
"""

import contextlib
import heapq
import random
import select
import socket
import sys
import time

ETH_P_ALL = 3
SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
LARGEST_BYTES = 70_000  # with segmentation left to the card, which a virtual one never does


def tap(interface: str) -> socket.socket:
    """Everything that comes in at the interface; what is sent goes out there. The kernel's header says what is
    still to be done: checksums and segments.
    """
    tapped = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    tapped.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    tapped.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    tapped.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_000_000)
    tapped.bind((interface, 0))
    tapped.setblocking(False)
    return tapped


def carry(first: str, second: str, delay_s: float, loss: float) -> None:
    """Until killed. A packet is lost with the probability `loss`, in either direction."""
    ends = tap(first), tap(second)
    draw = random.Random(1)
    under_way: list[tuple[float, int, int, bytes]] = []
    number = 0
    while True:
        wait_s = max(0.0, under_way[0][0] - time.monotonic()) if under_way else 1.0
        readable, _, _ = select.select(ends, [], [], wait_s)
        for end in readable:
            with contextlib.suppress(OSError):  # the other side of the interface is down
                packet = end.recv(LARGEST_BYTES)
                number += 1
                if draw.random() >= loss:
                    heapq.heappush(under_way, (time.monotonic() + delay_s, number, ends.index(end), packet))
        while under_way and under_way[0][0] <= time.monotonic():
            _, _, came_in_at, packet = heapq.heappop(under_way)
            with contextlib.suppress(OSError):
                ends[1 - came_in_at].send(packet)


if __name__ == "__main__":
    carry(sys.argv[1], sys.argv[2], float(sys.argv[3]) / 1e3, float(sys.argv[4]))
