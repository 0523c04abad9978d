"""Reads a counter about a hundred times a second, in a thread, and hands on where the belt was when."""

import logging
import threading
import time
from collections.abc import Callable

from line_inspector.actuators.wire import BadAnswer, WireFault
from line_inspector.config import NS_PER_MS, NS_PER_S, BeltSettings, CounterSettings
from line_inspector.encoders.counter import Counter, RawCount
from line_inspector.encoders.rising_count import RisingCount
from line_inspector.encoders.stepped_count import SteppedCount
from line_inspector.messages import Encoder
from line_inspector.streams import ENCODER

log = logging.getLogger("encoder")

PERIOD_NS = int(NS_PER_S / ENCODER.rate_hz)
LONGEST_READ_NS = 50_000_000  # of a slower answer nobody knows well enough when the count was true
RECONNECT_S = 0.2
SOUND_AFTER_NS = 1_000_000_000  # a fault that comes and goes is told once


class CountReader:
    """Follows the counter of `source` on the belt, over connections that `connect` makes.

    The thread itself opens the publisher, since a socket belongs to one thread. It ends with `close`, or with the main
    thread; `alive` tells. While there is no connection, or nothing sound is answered, nothing is published.
    """

    def __init__(
        self,
        belt: BeltSettings,
        source: CounterSettings,
        connect: Callable[[], Counter],
        open_publisher: Callable[[], Callable[[Encoder], object]],
    ) -> None:
        self._belt, self._source, self._connect, self._open_publisher = belt, source, connect, open_publisher
        cycle_ns = int(source.cycle_ms * NS_PER_MS)
        self._rising = RisingCount(belt.ns_per_count, cycle_ns, ENCODER.dead_after_ns)
        self._stepped = SteppedCount(cycle_ns)
        self._closing = threading.Event()
        self._fault, self._faulty_ns, self._sound_ns = "", 0, 0
        self._readings = self._faults = self._slow = 0
        self._thread = threading.Thread(target=self._run, name="counter")
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread still runs."""
        return self._thread.is_alive()

    @property
    def counting(self) -> bool:
        """Whether the count is known now."""
        return time.monotonic_ns() - self._sound_ns <= ENCODER.dead_after_ns

    def tally(self) -> dict[str, int]:
        """Readings, faults, readings that took too long, and beginnings, the first one included."""
        return {
            "readings": self._readings,
            "faults": self._faults,
            "slow": self._slow,
            "beginnings": self._rising.beginnings,
        }

    def close(self) -> None:
        """Ends the thread; waits for what it has under way, for a connection's sake some seconds."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        publish = self._open_publisher()
        while not self._ended():
            try:
                counter = self._connect()
            except WireFault as e:
                self._note_fault(e)
                self._closing.wait(RECONNECT_S)
                continue
            try:
                self._follow(counter, publish)
            except WireFault as e:
                self._note_fault(e)
            finally:
                counter.close()

    def _follow(self, counter: Counter, publish: Callable[[Encoder], object]) -> None:
        """Reads over one connection until `close`, or until it is lost."""
        due_ns = time.monotonic_ns()
        while not self._ended():
            try:
                self._take(self._read(counter), publish)
            except BadAnswer as e:
                self._note_fault(e)
            now_ns = time.monotonic_ns()
            due_ns += PERIOD_NS * max(1, -(-(now_ns - due_ns) // PERIOD_NS))
            self._closing.wait((due_ns - now_ns) / NS_PER_S)

    def _read(self, counter: Counter) -> RawCount:
        asked_ns = time.monotonic_ns()
        value, bits = counter.read()
        answered_ns = time.monotonic_ns()
        if self._belt.goes_round_too_fast(bits):
            raise BadAnswer(f"has {bits} bits, too few for so fast a count: it would go round unseen")
        return RawCount(-value % 2**bits if self._source.falling else value, bits, asked_ns, answered_ns)

    def _take(self, raw: RawCount, publish: Callable[[Encoder], object]) -> None:
        took_ns = raw.answered_ns - raw.asked_ns
        if took_ns > LONGEST_READ_NS:
            self._slow += 1
            if raw.answered_ns - self._sound_ns > ENCODER.dead_after_ns:
                self._note_fault(f"answers after {took_ns / NS_PER_MS:.0f} ms, too late to know when it counted so")
            return
        silent = raw.asked_ns - self._sound_ns > ENCODER.dead_after_ns
        if not self._rising.follow(raw) and not silent:
            log.warning("%s was set to %d: parts on the belt are lost", self._source.where, raw.value)
        self._readings += 1
        self._note_sound(raw.answered_ns)
        reading = self._stepped.reading(self._rising.count, raw.asked_ns, raw.answered_ns)
        if reading:
            publish(reading)

    def _ended(self) -> bool:
        return self._closing.is_set() or not threading.main_thread().is_alive()

    def _note_fault(self, fault: WireFault | str) -> None:
        """One line for each time of trouble, however many readings it costs."""
        self._faults += 1
        self._faulty_ns = time.monotonic_ns()
        if not self._fault:
            log.error("%s: %s. Parts are rejected while the count is not known", self._source.where, fault)
        self._fault = str(fault)

    def _note_sound(self, now_ns: int) -> None:
        self._sound_ns = now_ns
        if self._fault and now_ns - self._faulty_ns > SOUND_AFTER_NS:
            log.info("%s can be read again", self._source.where)
            self._fault = ""
