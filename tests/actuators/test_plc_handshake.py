"""plc_handshake.py against the program of the simulated PLC: rests at reject, nothing stale, one result at a time."""

import random
from collections import deque
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from line_inspector.actuators.plc_handshake import Accept, Handshake, LineCondition
from line_inspector.actuators.plc_signals import ACCEPT, Inputs, Mode, Outputs, VisionState
from line_inspector.simulation.gate import Why
from line_inspector.simulation.plc_program import PlcProgram

MS = 1_000_000
S = 1_000 * MS
LANES = {"top": 1, "side": 2}
TIMEOUT_NS = 250 * MS
WELL = LineCondition(beats=7, beating=True, prepared=True, was_prepared=True)


def talk(handshake: Handshake, now_ns: int, **changes: int) -> bool:
    values = {"session": 5, "clock_ms": now_ns // MS % 2**32, "acknowledge": 0, "mode": Mode.CONTINUOUS, **changes}
    return handshake.heard(Inputs(**values), now_ns, now_ns + MS)


def in_service(now_ns: int = S, **changes: int) -> Handshake:
    handshake = Handshake(LANES, cycle_ms=0)
    talk(handshake, now_ns - 2 * MS, **changes)
    talk(handshake, now_ns, **changes)
    return handshake


def accept_at(gate_ns: int, camera: str = "top") -> Accept:
    return Accept(camera, gate_ns - 25 * MS, gate_ns + 25 * MS)


def test_nothing_is_handed_over_before_the_plc_is_known() -> None:
    handshake, accepts = Handshake(LANES, cycle_ms=0), deque([accept_at(2 * S)])
    said = handshake.say(accepts, WELL, S)
    assert not said.ready and not said.result_valid and said.verdict != ACCEPT and not accepts
    assert said.state == VisionState.PREOPERATIONAL


def test_an_accept_is_told_in_the_plcs_own_time_and_rests_when_acknowledged() -> None:
    handshake, accepts = in_service(acknowledge=41), deque([accept_at(2 * S, "side")])
    said = handshake.say(accepts, WELL, S + 10 * MS)
    assert (said.result_valid, said.verdict, said.lane, said.session_echo) == (True, ACCEPT, 2, 5)
    assert said.result_number == 42 and said.busy
    assert 1_975 <= said.window_start_ms <= 1_980 and 2_020 <= said.window_end_ms <= 2_025
    talk(handshake, S + 20 * MS, acknowledge=41)
    assert handshake.say(accepts, WELL, S + 21 * MS).result_valid
    talk(handshake, S + 30 * MS, acknowledge=42)
    rest = handshake.say(accepts, WELL, S + 31 * MS)
    assert (rest.result_valid, rest.verdict, rest.window_end_ms, rest.busy) == (False, 0, 0, False)
    assert rest.result_number == 42 and rest.ready


def test_the_next_result_waits_for_the_acknowledgement() -> None:
    handshake, accepts = in_service(), deque([accept_at(2 * S), accept_at(3 * S)])
    assert handshake.say(accepts, WELL, S).result_number == handshake.say(accepts, WELL, S + MS).result_number == 1
    talk(handshake, S + 2 * MS, acknowledge=1)
    assert handshake.say(accepts, WELL, S + 3 * MS).result_number == 2


def test_a_plc_that_does_not_acknowledge_blocks_no_later_part() -> None:
    handshake, accepts = in_service(), deque([accept_at(2 * S), accept_at(3 * S)])
    handshake.say(accepts, WELL, S)
    said = handshake.say(accepts, WELL, 2 * S)
    assert (said.result_number, said.result_valid) == (2, True) and said.window_start_ms > 2_900


@pytest.mark.parametrize("late_ns", [-25 * MS, 0, 24 * MS, 10 * S])
def test_a_window_that_has_begun_is_never_sent(late_ns: int) -> None:
    handshake, accepts = in_service(), deque([accept_at(2 * S)])
    said = handshake.say(accepts, WELL, 2 * S + late_ns)
    assert not said.result_valid and said.verdict != ACCEPT and not accepts


@pytest.mark.parametrize(
    "changes", [{"session": 6}, {"session": 0}, {"clock_ms": 77}], ids=["restarted", "stopped", "jumped"]
)
def test_a_plc_that_starts_anew_makes_everything_that_waits_meaningless(changes: dict[str, int]) -> None:
    handshake, accepts = in_service(), deque([accept_at(2 * S)])
    assert handshake.say(accepts, WELL, S).result_valid
    assert not talk(handshake, S + 10 * MS, **changes)
    said = handshake.say(deque(), WELL, S + 11 * MS)
    assert not said.result_valid and said.verdict != ACCEPT
    assert not said.ready  # so that the PLC forgets what it has acknowledged, too


def test_a_plc_whose_clock_jumped_is_in_service_again_after_two_readings_that_agree() -> None:
    handshake = in_service()
    talk(handshake, S + 10 * MS, clock_ms=77)
    assert not handshake.say(deque(), WELL, S + 11 * MS).ready
    assert talk(handshake, S + 20 * MS, clock_ms=87)
    assert handshake.say(deque(), WELL, S + 21 * MS).ready and handshake.accepting


def test_a_plc_that_stands_still_behind_a_server_that_answers_is_not_accepting() -> None:
    handshake = in_service()
    for beat in range(1, 20):
        talk(handshake, S + 50 * beat * MS, clock_ms=1_000)
        assert not handshake.accepting and not handshake.say(deque(), WELL, S + 50 * beat * MS).ready


def test_numbers_go_round_and_are_never_zero() -> None:
    handshake = in_service(acknowledge=65_535)
    assert handshake.say(deque([accept_at(2 * S)]), WELL, S).result_number == 1


def test_single_execution_accepts_one_part_until_it_is_chosen_again() -> None:
    handshake, accepts = in_service(mode=Mode.SINGLE), deque([accept_at(2 * S), accept_at(3 * S)])
    assert handshake.say(deque(), WELL, S).state == VisionState.SINGLE_EXECUTION
    assert handshake.say(accepts, WELL, S).result_number == 1
    talk(handshake, S + 10 * MS, acknowledge=1, mode=Mode.SINGLE)
    said = handshake.say(accepts, WELL, S + 11 * MS)
    assert (said.result_valid, said.state) == (False, VisionState.READY) and not accepts
    talk(handshake, S + 20 * MS, acknowledge=1, mode=Mode.HALT)
    talk(handshake, S + 30 * MS, acknowledge=1, mode=Mode.SINGLE)
    assert handshake.say(deque([accept_at(3 * S)]), WELL, S + 31 * MS).result_number == 2


@pytest.mark.parametrize("mode", [Mode.HALT, 3, 65_535])
def test_any_other_mode_accepts_nothing(mode: int) -> None:
    said = in_service(mode=mode).say(deque([accept_at(2 * S)]), WELL, S)
    assert not said.result_valid and said.state == VisionState.READY


@pytest.mark.parametrize(
    ("condition", "state", "ready"),
    [
        (LineCondition(), VisionState.PREOPERATIONAL, False),
        (LineCondition(beats=1, beating=True), VisionState.INITIALIZED, True),
        (WELL, VisionState.CONTINUOUS_EXECUTION, True),
        (LineCondition(beats=9, beating=True, prepared=False, was_prepared=True), VisionState.ERROR, True),
        (LineCondition(beats=9, beating=False, prepared=True, was_prepared=True), VisionState.ERROR, False),
    ],
)
def test_the_states_of_opc_40100(condition: LineCondition, state: VisionState, ready: bool) -> None:
    said = in_service().say(deque(), condition, S)
    assert (said.state, said.ready, said.heartbeat) == (state, ready, condition.beats)


class LineAndPlc(RuleBasedStateMachine):
    """A line that beats, a cable with delays, and a PLC, step by step; anything may happen between two steps.

    At every millisecond something is at both gates: it may pass only on the lane and in the window of a part that was
    accepted, over a connection that stood from its decision on, while the heartbeat is young, and before `safe`.
    """

    @initialize(seed=st.integers(0, 2**32), cycle_ms=st.sampled_from((0, 5, 10)))
    def start(self, seed: int, cycle_ms: int) -> None:
        self.now_ns, self.beats, self.beaten_ns = 10 * S, 0, 0
        self.rng, self.cycle_ms = random.Random(seed), cycle_ms
        self.safe = False
        self.good: list[int] = []  # when accepted parts are at the gate of `top`
        self.accepts: deque[Accept] = deque()
        self.handshake = Handshake(LANES, cycle_ms=10)
        self.restart_the_plc()
        self.passed = 0

    @rule(steps=st.integers(1, 40), delay_ms=st.integers(0, 4), beating=st.sampled_from((True, True, True, False)))
    def run(self, steps: int, delay_ms: int, beating: bool) -> None:
        """Beats and exchanges every 10 ms or so."""
        for _ in range(steps):
            if beating and not self.safe:
                self.beats, self.beaten_ns = self.beats + 1, self.now_ns
            self._exchange(delay_ms, 0)
            self._pass_time(10)

    @rule(stuck_ms=st.integers(50, 900))
    def a_write_is_stuck_on_its_way(self, stuck_ms: int) -> None:
        self._exchange(1, stuck_ms)

    @precondition(lambda self: not self.safe)
    @rule(travel_ms=st.integers(40, 600))
    def decide_a_good_part(self, travel_ms: int) -> None:
        gate_ns = self.now_ns + travel_ms * MS
        if all(abs(gate_ns - other_ns) >= 50 * MS for other_ns in self.good):
            self.good.append(gate_ns)
            self.accepts.append(accept_at(gate_ns))

    @rule()
    def cut_the_cable_and_join_it(self) -> None:
        """What was handed over before may still hold: the PLC has it, and it is true. What was not is void."""
        self.handshake = Handshake(LANES, cycle_ms=10)
        self._forget_what_waits()

    @rule()
    def restart_the_plc(self) -> None:
        self.program = PlcProgram(LANES, TIMEOUT_NS, cycle_ms=self.cycle_ms, rng=self.rng)
        self.good.clear()

    @rule()
    def drive_safe(self) -> None:
        self.safe = True
        self.accepts.clear()
        self._exchange(0, 0)

    def _exchange(self, delay_ms: int, stuck_ms: int) -> None:
        condition = LineCondition(self.beats, self.now_ns - self.beaten_ns < TIMEOUT_NS, True, True)
        said = Outputs() if self.safe else self.handshake.say(self.accepts, condition, self.now_ns)
        self._pass_time(delay_ms + stuck_ms)
        self.program.written(said, self.now_ns)
        asked_ns = self.now_ns
        self._pass_time(delay_ms)
        inputs = self.program.inputs(self.now_ns)
        self._pass_time(delay_ms)
        if not self.handshake.heard(inputs, asked_ns, self.now_ns):
            self._forget_what_waits()

    def _forget_what_waits(self) -> None:
        waiting = {accept.window_start_ns + 25 * MS for accept in self.accepts}
        self.good = [gate_ns for gate_ns in self.good if gate_ns not in waiting]
        self.accepts.clear()

    def _pass_time(self, ms: int) -> None:
        for _ in range(ms):
            self.now_ns += MS
            assert not self.program.passage("side", self.now_ns).accepted
            if not self.program.passage("top", self.now_ns).accepted:
                continue
            self.passed += 1
            assert not self.safe
            assert any(abs(self.now_ns - gate_ns) <= 25 * MS for gate_ns in self.good), "in nobody's window"
            assert self.now_ns - self.beaten_ns < TIMEOUT_NS + 910 * MS, "long after the last beat"


LineAndPlc.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestLineAndPlc = LineAndPlc.TestCase


def test_a_line_in_good_order_lets_its_good_parts_pass_and_nothing_between_them() -> None:
    line = LineAndPlc()
    line.start(seed=1, cycle_ms=10)
    line.run(5, 1, True)
    for travel_ms in (100, 200, 300):
        line.decide_a_good_part(travel_ms)
    line.run(40, 1, True)
    assert 3 * 20 < line.passed <= 3 * 51


def test_the_program_rejects_when_the_heartbeat_stops() -> None:
    program = PlcProgram(LANES, TIMEOUT_NS, cycle_ms=0, rng=random.Random(1))
    handshake, gate_ns = Handshake(LANES, cycle_ms=0), 2 * S
    for beats, now_ns in enumerate((S, S + 10 * MS, S + 20 * MS)):
        accepts = deque([accept_at(gate_ns)] if beats == 2 else [])
        program.written(handshake.say(accepts, LineCondition(beats, True, True, True), now_ns), now_ns)
        handshake.heard(program.inputs(now_ns), now_ns, now_ns + MS)
    assert program.passage("top", gate_ns).why is Why.NO_HEARTBEAT
    assert program.passage("top", S + 100 * MS).why is Why.NO_ACCEPT


@pytest.mark.parametrize("moment_ms", [0, 30, 90])
def test_safe_holds_at_once_for_parts_that_were_accepted_before(moment_ms: int) -> None:
    line = LineAndPlc()
    line.start(seed=2, cycle_ms=0)
    line.run(5, 1, True)
    line.decide_a_good_part(100)
    line.run(3, 1, True)
    line._pass_time(moment_ms)
    line.passed = 0
    line.drive_safe()
    line.run(20, 1, True)
    assert line.passed == 0


def test_the_program_takes_no_result_of_another_session_nor_another_verdict() -> None:
    program = PlcProgram(LANES, TIMEOUT_NS, cycle_ms=0, rng=random.Random(1))
    now = program.inputs(S).clock_ms
    good = Outputs(
        ready=True,
        result_valid=True,
        session_echo=program.session,
        verdict=ACCEPT,
        lane=1,
        window_start_ms=now,
        window_end_ms=(now + 100) % 2**32,
        result_number=1,
    )
    for heartbeat in (0, 1):
        program.written(Outputs(ready=True, heartbeat=heartbeat), S)
    wrong = [
        {"session_echo": program.session ^ 1},
        {"verdict": 1},
        {"verdict": 0},
        {"lane": 2},
        {"result_valid": False},
    ]
    for number, change in enumerate([*wrong, {}], 2):
        program.written(replace(good, result_number=number, heartbeat=number, **change), S + number)
        assert program.passage("top", S + 50 * MS).accepted is (change == {})
