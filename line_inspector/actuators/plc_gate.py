"""A gate driven by a PLC: a thread talks with it over a wire, and decision's loop never waits for that thread."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace

from line_inspector.actuators.gate import BinReading
from line_inspector.actuators.plc_handshake import Accept, Handshake, LineCondition
from line_inspector.actuators.plc_signals import Inputs
from line_inspector.actuators.wire import Wire, WireFault
from line_inspector.config import NS_PER_MS, NS_PER_S, PlcGateSection

log = logging.getLogger("gate")

QUEUED_ACCEPTS = 64
RECONNECT_S = 0.2
ACKNOWLEDGE_POLL_S = 0.004
LEAST_RECALL_NS = 10_000_000


class PlcGate:
    """Hands accepts to the PLC named `address`, over connections that `connect` makes.

    The thread writes a new heartbeat only after a new `beat`, so a loop that hangs is seen by the PLC. What is accepted
    while there is no connection, or does not fit into the queue, is dropped: those parts are rejected. The thread ends
    with `safe`, after it has written the rest position, or with the main thread.
    """

    def __init__(
        self, address: str, connect: Callable[[], Wire], settings: PlcGateSection, lanes: Mapping[str, int]
    ) -> None:
        self._address, self._connect, self._lanes = address, connect, lanes
        self._cycle_ms = settings.cycle_ms
        self._period_ns = int(NS_PER_S / settings.heartbeat_hz)
        self._timeout_ns = int(settings.heartbeat_timeout_ms * NS_PER_MS)
        self._accepts: deque[Accept] = deque()
        self._condition = LineCondition()
        self._beaten_ns = self._next_beat_ns = 0
        self._recalls = self._recalls_written = self._rests_until_ns = 0
        self._safe = threading.Event()
        self._wake = threading.Event()
        self._down = self._accepting = False
        self._bin_reading: BinReading | None = None
        self._thread = threading.Thread(target=self._run, name="gate")
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    @property
    def accepting(self) -> bool:
        """Whether the PLC, when it was last heard, would have been handed an accept."""
        return self._accepting

    def accept(self, part_id: str, camera: str, window_start_ns: int, window_end_ns: int) -> None:
        """Queues the accept; nothing after `safe`."""
        if self._safe.is_set() or len(self._accepts) >= QUEUED_ACCEPTS:
            return
        self._accepts.append(Accept(camera, window_start_ns, window_end_ns))
        self._wake.set()

    def recall(self) -> None:
        """`ready` rests for two cycles of the PLC, by which it forgets every window; what is queued is dropped.

        Those cycles count from when it has been written: a connection may be slower than they are.
        """
        self._accepts.clear()
        self._recalls += 1
        self._wake.set()

    @property
    def bin_reading(self) -> BinReading | None:
        """What the PLC's inputs have last told."""
        return self._bin_reading

    def beat(self, now_ns: int, prepared: bool, stop_requested: bool = False) -> None:
        """Lets the thread write the next heartbeat when it is due."""
        if self._safe.is_set() or now_ns < self._next_beat_ns:
            return
        self._next_beat_ns = now_ns + self._period_ns
        before, self._beaten_ns = self._condition, now_ns
        self._condition = LineCondition(
            before.beats + 1, True, prepared, before.was_prepared or prepared, stop_requested
        )
        self._wake.set()

    def next_beat_ns(self) -> int:
        """When the next heartbeat is due."""
        return self._next_beat_ns

    def safe(self) -> None:
        """Nothing is handed over any more, and the thread writes the rest position; this does not wait for it."""
        self._safe.set()
        self._accepts.clear()
        self._wake.set()

    def _run(self) -> None:
        while not self._ended():
            try:
                wire = self._connect()
            except WireFault as e:
                self._note_down(e)
                self._safe.wait(RECONNECT_S)
                continue
            try:
                self._serve(wire)
                wire.safe()
            except WireFault as e:
                self._note_down(e)
            finally:
                self._accepting = False
                wire.close()

    def _serve(self, wire: Wire) -> None:
        """Talks over one connection until `safe`. What was accepted before it was in service is not handed over."""
        handshake = Handshake(self._lanes, self._cycle_ms)
        while not self._ended():
            self._wake.clear()
            recalls = self._recalls
            if recalled := recalls != self._recalls_written or time.monotonic_ns() < self._rests_until_ns:
                handshake.recall()
            accepts: deque[Accept] = deque() if recalled else self._accepts
            wire.write(handshake.say(accepts, self._condition_now(recalled), time.monotonic_ns()))
            self._note_recalls(recalls)
            asked_ns = time.monotonic_ns()
            inputs = wire.read()
            if not handshake.heard(inputs, asked_ns, time.monotonic_ns()):
                self._accepts.clear()
            self._accepting = handshake.accepting
            self._note_bin(inputs, time.monotonic_ns())
            if handshake.in_service:
                self._note_up()
            self._wake.wait(ACKNOWLEDGE_POLL_S if handshake.waiting or recalled else self._period_ns / NS_PER_S)

    def _note_recalls(self, recalls: int) -> None:
        """The PLC has been told of so many, and must find `ready` at rest for long enough."""
        if recalls != self._recalls_written:
            self._recalls_written = recalls
            self._rests_until_ns = time.monotonic_ns() + max(LEAST_RECALL_NS, 2 * self._cycle_ms * NS_PER_MS)

    def _condition_now(self, recalled: bool) -> LineCondition:
        """As `beat` has left it, but not beating once the loop has been silent for too long, or `recalled` accepts."""
        said = self._condition
        if not recalled and time.monotonic_ns() - self._beaten_ns < self._timeout_ns:
            return said
        return replace(said, beating=False)

    def _ended(self) -> bool:
        return self._safe.is_set() or not threading.main_thread().is_alive()

    def _note_bin(self, inputs: Inputs, now_ns: int) -> None:
        """The PLC does not say when it counted: at the reading in which it shows, at most a beat later."""
        before = self._bin_reading
        same = before is not None and (before.run, before.count) == (inputs.session, inputs.bin_count)
        seen_ns = before.seen_ns if before and same else now_ns
        self._bin_reading = BinReading(inputs.session, inputs.bin_count, seen_ns, bool(inputs.bin_full))

    def _note_down(self, fault: WireFault) -> None:
        if not self._down:
            log.error("%s: %s. Every part is rejected until it answers again", self._address, fault)
        self._down = True

    def _note_up(self) -> None:
        if self._down:
            log.info("%s answers again", self._address)
        self._down = False
