"""One connection's talk with a PLC, without the wire: what was read goes in, what is to be written comes out."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

from line_inspector.actuators.plc_clock import PlcClock
from line_inspector.actuators.plc_signals import ACCEPT, Inputs, Mode, Outputs, VisionState

LAST_NUMBER = 65_535


@dataclass(frozen=True)
class Accept:
    """A part that may pass, in CLOCK_MONOTONIC nanoseconds."""

    camera: str
    window_start_ns: int
    window_end_ns: int


@dataclass(frozen=True)
class LineCondition:
    """What decision's own loop says: `beats` counts its turns, `beating` whether it still turns, `prepared` whether the
    line has what it takes to accept, `was_prepared` whether it ever had, `stop_requested` whether it should be stopped.
    """

    beats: int = 0
    beating: bool = False
    prepared: bool = False
    was_prepared: bool = False
    stop_requested: bool = False


class Handshake:
    """Hands over one accept at a time; the next one follows when the PLC has acknowledged it, or its window has begun.

    Nothing is handed over before the PLC's session and clock are known, and nothing whose window has begun. When the
    PLC starts anew, or its clock jumps or stands still, all that waits is forgotten; and `ready` rests until a second
    reading agrees with the first, by which the PLC forgets what it has been handed.
    """

    def __init__(self, lanes: Mapping[str, int], cycle_ms: int) -> None:
        self._lanes, self._cycle_ms = lanes, cycle_ms
        self._clock: PlcClock | None = None
        self._confirmed = False
        self._inputs = Inputs(session=0, clock_ms=0, acknowledge=0, mode=Mode.HALT)
        self._number = 0
        self._result = Outputs()  # the result that the PLC has not acknowledged; at rest when there is none
        self._result_start_ns = 0
        self._single_spent = False

    @property
    def in_service(self) -> bool:
        """Whether the PLC's program runs and its clock is known, by two readings at least."""
        return self._confirmed

    @property
    def accepting(self) -> bool:
        """Whether the PLC would be handed an accept now."""
        return self.in_service and self._may_accept

    @property
    def waiting(self) -> bool:
        """Whether an acknowledgement is due."""
        return self._result.result_valid

    def heard(self, inputs: Inputs, asked_ns: int, answered_ns: int) -> bool:
        """The PLC's values, read between these two moments. False when whatever waits has become meaningless."""
        same = self._clock is not None and inputs.session == self._inputs.session
        if same and self._clock and self._clock.read(inputs.clock_ms, asked_ns, answered_ns):
            self._confirmed = True
            if inputs.acknowledge == self._number:
                self._result = Outputs()
        else:
            same = self._confirmed = False
            self._number, self._result = inputs.acknowledge, Outputs()
            reading = (self._cycle_ms, inputs.clock_ms, asked_ns, answered_ns)
            self._clock = PlcClock(*reading) if inputs.session else None
        self._single_spent = self._single_spent and inputs.mode == Mode.SINGLE
        self._inputs = inputs
        return same

    def say(self, accepts: deque[Accept], condition: LineCondition, now_ns: int) -> Outputs:
        """What to write now. Takes from `accepts` what it hands over and what has become pointless."""
        if self.waiting and self._result_start_ns <= now_ns:
            self._result = Outputs()  # the PLC has not taken it in time
        while accepts and not self.waiting:
            self._hand_over(accepts.popleft(), now_ns)
        return replace(
            self._result,
            heartbeat=condition.beats & LAST_NUMBER,
            state=self._state(condition),
            ready=self.in_service and condition.beating,
            busy=self.waiting or bool(accepts),
            stop_request=condition.stop_requested,
            result_number=self._number,
        )

    def recall(self) -> None:
        """What has been handed over shall not be taken any more; the caller lets `ready` rest."""
        self._result = Outputs()

    def _hand_over(self, accept: Accept, now_ns: int) -> None:
        if not self._clock or not self.accepting or accept.window_start_ns <= now_ns:
            return
        window = self._clock.window(accept.window_start_ns, accept.window_end_ns)
        if window is None:
            return
        self._number = self._number % LAST_NUMBER + 1
        self._single_spent = self._inputs.mode == Mode.SINGLE
        self._result_start_ns = accept.window_start_ns
        self._result = Outputs(
            result_valid=True,
            session_echo=self._inputs.session,
            verdict=ACCEPT,
            lane=self._lanes[accept.camera],
            window_start_ms=window[0],
            window_end_ms=window[1],
        )

    @property
    def _may_accept(self) -> bool:
        single = self._inputs.mode == Mode.SINGLE and not self._single_spent
        return single or self._inputs.mode == Mode.CONTINUOUS

    def _state(self, condition: LineCondition) -> VisionState:
        if not self.in_service or not condition.beats:
            return VisionState.PREOPERATIONAL
        if not condition.prepared or not condition.beating:
            return VisionState.ERROR if condition.was_prepared else VisionState.INITIALIZED
        if not self._may_accept:
            return VisionState.READY
        single = self._inputs.mode == Mode.SINGLE
        return VisionState.SINGLE_EXECUTION if single else VisionState.CONTINUOUS_EXECUTION
