"""The capture station alone: what it announces, delivers and refuses. The test plays world, worker and decision."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from pictures import save_picture

from line_inspector.bus import Bus, Receiver
from line_inspector.cameras import CameraFault
from line_inspector.cameras.rate_source import RateSource
from line_inspector.config import RateTrigger
from line_inspector.images import Frame
from line_inspector.line_file import parse_line
from line_inspector.messages import Announcement, ChallengeRequest, Fault, FrameReady, Health, Scene, Trigger
from line_inspector.part_record import Reason
from line_inspector.ring import RingReader
from line_inspector.runtime import Station
from line_inspector.stop_flag import StopFlag
from line_inspector.streams import ANNOUNCEMENTS, CHALLENGES, FAULTS, FRAMES, HEALTH, SHOTS, TRIGGERS
from line_inspector.tracking.announcer import TOLD_BEFORE_NS
from stations.capture import Capture

LINE = {
    "line": "capture",
    "recipe": "disc",
    "data_dir": "d",
    "belt": {"speed_mm_s": 250},
    "alarms": {"blind_after": 10_000},  # the played camera gives the same frame again and again
    "cameras": {
        "top": {
            "source": {"kind": "folder"},
            "trigger": {"kind": "line"},
            "to_gate_mm": 500,
            "max_rate_hz": 0.5,  # a trigger lives 1 s: a pause of this process must not make it a late one
            "max_width_px": 64,
            "max_height_px": 48,
        }
    },
}
SEEN = {"source": {"kind": "folder", "path": "seen"}}


class PlayedCamera:
    """Gives the frame it is told to, after a pause, or a fault."""

    def __init__(self) -> None:
        self.frame: Frame = np.full((48, 64), 7, np.uint8)
        self.pause_s = 0.0
        self.fault: CameraFault | None = None
        self.shots = 0

    def shoot(self, scene: Scene) -> Frame:
        self.shots += 1
        time.sleep(self.pause_s)
        if self.fault:
            raise self.fault
        return self.frame

    def close(self) -> None:
        """Nothing is open."""


class Played:
    """Capture in this process, and the other ends of its sockets."""

    def __init__(self, folder: Path, sections: dict[str, object] | None = None, **camera_settings: object) -> None:
        document = {**LINE, **(sections or {}), "cameras": {"top": {**LINE["cameras"]["top"], **camera_settings}}}
        self.line = parse_line(document, folder / "line.yaml")
        self.camera = PlayedCamera()
        self.station = Station("capture.top", self.line, StopFlag())
        bus = self.station.bus
        self.announcements = bus.acked_receiver(ANNOUNCEMENTS, Announcement)
        self.frames = bus.receiver(FRAMES, FrameReady)
        self.shots = bus.receiver(SHOTS, FrameReady)
        self.faults = bus.receiver(FAULTS, Fault)
        self.capture = Capture(self.station, "top", self.line.camera("top"), self.camera)
        self.triggers = bus.acked_sender(TRIGGERS, "world", "top")
        time.sleep(0.2)  # connections form

    def trigger(self, part_id: str, age_s: float = 0.0) -> None:
        trigger_ns = time.monotonic_ns() - int(age_s * 1e9)
        self.triggers.send(part_id, Trigger(part_id=part_id, camera="top", trigger_ns=trigger_ns))

    def until(self, done: Callable[[], bool]) -> None:
        end_s = time.monotonic() + 10
        while not done():
            assert time.monotonic() < end_s
            self.capture.turn(time.monotonic_ns())
            time.sleep(0.002)

    def answer(self, part_id: str) -> FrameReady | Fault:
        """The first thing that is said of the part after its announcement."""
        said: list[FrameReady | Fault] = []

        def heard() -> bool:
            said.extend([*self.frames.drain(), *self.faults.drain()])
            return any(message.part_id == part_id for message in said)

        self.until(heard)
        return next(message for message in said if message.part_id == part_id)

    def close(self) -> None:
        self.capture.close()
        for socket in (self.announcements, self.frames, self.shots, self.faults, self.triggers, self.station):
            socket.close()


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Played]:
    capture = Played(tmp_path)
    yield capture
    capture.close()


def test_frame_lies_in_the_ring(played: Played) -> None:
    played.trigger("a")
    ready = played.answer("a")
    assert isinstance(ready, FrameReady)
    np.testing.assert_array_equal(RingReader().copy(ready.slot, "a"), played.camera.frame)
    assert [shot.part_id for shot in played.shots.drain()] == ["a"]


def test_old_trigger_is_not_photographed(played: Played) -> None:
    played.trigger("a", age_s=1.2)
    fault = played.answer("a")
    assert isinstance(fault, Fault) and fault.reason is Reason.LATE_TRIGGER
    assert played.camera.shots == 0


def test_camera_that_stalls_may_have_seen_the_next_part(played: Played) -> None:
    played.camera.pause_s = 1.1
    played.trigger("a")
    fault = played.answer("a")
    assert isinstance(fault, Fault) and fault.reason is Reason.LATE_TRIGGER
    assert played.camera.shots == 1 and not list(played.frames.drain())


@pytest.mark.parametrize("shape", [(49, 64), (48, 65), (300, 300, 3)])
def test_frame_too_large_for_the_ring(played: Played, shape: tuple[int, ...]) -> None:
    played.camera.frame = np.zeros(shape, np.uint8)
    played.trigger("a")
    fault = played.answer("a")
    assert isinstance(fault, Fault) and fault.reason is Reason.BAD_FRAME and "at most 64 x 48" in fault.detail


def test_a_fault_of_the_size_names_the_keys_to_set_and_only_those(tmp_path: Path) -> None:
    played = Played(tmp_path, channels=1)
    said = {}
    for name, shape in (("both", (50, 70)), ("wide", (40, 65)), ("colour", (48, 64, 3))):
        played.camera.frame = np.zeros(shape, np.uint8)
        played.trigger(name)
        fault = played.answer(name)
        assert isinstance(fault, Fault)
        said[name] = fault.detail
    played.close()
    expected = "expected at most 64 x 48 x 1; to let such frames in, set"
    assert said["both"] == f"frame of 70 x 50 x 1, {expected} max_width_px: 70, max_height_px: 50 of cameras.top"
    assert said["wide"] == f"frame of 65 x 40 x 1, {expected} max_width_px: 65 of cameras.top"
    assert said["colour"] == f"frame of 64 x 48 x 3, {expected} channels: 3 of cameras.top"


def test_exact_size_refuses_a_smaller_frame(tmp_path: Path) -> None:
    played = Played(tmp_path, exact_size=True)
    played.camera.frame = np.zeros((48, 63), np.uint8)
    played.trigger("a")
    fault = played.answer("a")
    assert isinstance(fault, Fault) and fault.reason is Reason.BAD_FRAME and "exactly" in fault.detail
    played.close()


def test_camera_fault_keeps_its_name(played: Played) -> None:
    played.camera.fault = CameraFault("camera_down", "cable pulled")
    played.trigger("a")
    fault = played.answer("a")
    assert isinstance(fault, Fault) and (fault.reason, fault.detail) == (Reason.CAMERA_DOWN, "cable pulled")


def test_ring_too_small_for_the_rate_is_an_overrun(played: Played) -> None:
    for number in range(60):
        played.trigger(f"p{number}")
    fault = played.answer("p59")
    assert isinstance(fault, Fault) and fault.reason in (Reason.OVERRUN, Reason.LATE_TRIGGER)
    assert played.station.counters["fault.overrun"] > 0


def test_trigger_is_acknowledged_after_its_announcement_and_shot_once(played: Played) -> None:
    played.trigger("a")
    announced: list[tuple[bytes, Announcement]] = []

    def heard() -> bool:
        announced.extend(played.announcements.drain())
        return bool(announced)

    played.until(heard)
    played.answer("a")
    assert played.triggers.acknowledged() == []
    played.until(lambda: played.triggers.resend(time.monotonic_ns() + 10**9) == 1)
    for _ in range(50):
        played.capture.turn(time.monotonic_ns())
        time.sleep(0.002)
    assert played.camera.shots == 1
    played.announcements.acknowledge(announced[0][0], "a")
    played.until(lambda: played.triggers.acknowledged() == ["a"])
    assert announced[0][1].deadline_ns - announced[0][1].trigger_ns == played.line.deadline_ns("top")


def test_stopping_capture_waits_for_decision(played: Played) -> None:
    played.trigger("a")
    played.answer("a")
    (sender, announcement), *_ = list(played.announcements.drain())
    played.announcements.acknowledge(sender, announcement.part_id)
    played.capture.hand_over()
    assert played.station.counters["unacknowledged"] == 0


def test_every_part_is_announced_before_the_first_is_shot(played: Played) -> None:
    played.camera.pause_s = 0.5
    for part_id in ("a", "b", "c"):
        played.trigger(part_id)
    time.sleep(0.2)  # all three have arrived
    played.capture.turn(time.monotonic_ns())
    assert played.camera.shots >= 1
    first_shot_ns = next(iter(played.frames.drain())).captured_ns
    announced = [announcement for _, announcement in played.announcements.drain()]
    assert list(dict.fromkeys(announcement.part_id for announcement in announced)) == ["a", "b", "c"]
    sent_wall_ns = time.time_ns() - (time.monotonic_ns() - first_shot_ns)
    assert all(announcement.trigger_wall_ns < sent_wall_ns for announcement in announced)


def test_a_trigger_of_the_future_is_a_fault_and_holds_no_slot(played: Played) -> None:
    played.trigger("a", age_s=-3600)
    fault = played.answer("a")
    assert isinstance(fault, Fault) and fault.reason is Reason.LATE_TRIGGER and "ahead" in fault.detail
    played.trigger("b")
    assert isinstance(played.answer("b"), FrameReady)


def test_a_rate_source_makes_up_for_no_tick_that_it_missed() -> None:
    source = RateSource("top", RateTrigger(kind="rate", rate_hz=10))
    start_ns, period_ns = source.next_ns(), 100_000_000
    assert [len(source.due(start_ns + n * period_ns)) for n in (0, 1, 2)] == [1, 1, 1]
    late_ns = start_ns + 12 * period_ns
    assert len(source.due(late_ns)) == 1
    assert source.due(late_ns + 1_000_000) == []
    assert source.next_ns() == late_ns + period_ns


def told_last(played: Played, part_id: str, until: Callable[[Announcement], bool]) -> Announcement:
    """What decision has heard last of the part, once that is so."""
    heard: list[Announcement] = []

    def said() -> bool:
        heard.extend(told for _, told in played.announcements.drain() if told.part_id == part_id)
        return bool(heard) and until(heard[-1])

    played.until(said)
    return heard[-1]


def test_the_gap_behind_a_part_is_told_of_when_it_is_wide_enough(played: Played) -> None:
    played.trigger("a")
    window_ns = int(played.line.decision.gate.window_ms * 1e6)
    told = told_last(played, "a", lambda told: told.free_until_ns - told.trigger_ns > window_ns)
    assert not told.followed and told.free_until_ns < time.monotonic_ns(), "nobody knows the future"


def test_a_part_that_follows_ends_the_gap(played: Played) -> None:
    time.sleep(0.2)  # what capture vouches for begins 0.3 s after its start
    played.trigger("a", age_s=0.03)
    played.trigger("b")
    ahead = told_last(played, "a", lambda told: told.followed)
    played.trigger("c")
    behind = told_last(played, "b", lambda told: told.followed)
    assert ahead.free_until_ns == behind.trigger_ns and behind.free_from_ns == ahead.trigger_ns


@pytest.mark.parametrize("belt", [{}, {"encoder": {"mm_per_count": 0.1}}])
def test_a_gap_that_is_wide_enough_is_told_of_once_unless_the_belt_may_slow_down(
    tmp_path: Path, belt: dict[str, object]
) -> None:
    played = Played(tmp_path, {"belt": {"speed_mm_s": 250, **belt}})
    window_ns = int(played.line.decision.gate.window_ms * 1e6)
    heard: list[Announcement] = []

    def knows_to_be_free(part_id: str) -> bool:
        heard.extend(told for _, told in played.announcements.drain())
        return any(told.part_id == part_id and told.free_until_ns - told.trigger_ns > window_ns for told in heard)

    played.trigger("a")
    played.until(lambda: knows_to_be_free("a"))
    played.trigger("b")
    played.until(lambda: knows_to_be_free("b"))  # which capture says after all that b's trigger had it say of a
    assert any(told.part_id == "a" and told.followed for told in heard) is bool(belt)
    played.close()


def test_a_trigger_that_comes_late_narrows_a_gap_that_was_wide_enough(played: Played) -> None:
    played.trigger("a")
    window_ns = int(played.line.decision.gate.window_ms * 1e6)
    free = told_last(played, "a", lambda told: told.free_until_ns - told.trigger_ns > window_ns)
    late_ns = free.trigger_ns + window_ns // 2
    played.trigger("b", age_s=(time.monotonic_ns() - late_ns) / 1e9)
    narrower = told_last(played, "a", lambda told: told.followed)
    assert narrower.free_until_ns == pytest.approx(late_ns, abs=1e6)


def test_nothing_is_vouched_for_before_capture_was_there(played: Played) -> None:
    played.trigger("a", age_s=0.9)
    first = told_last(played, "a", lambda told: True)
    assert first.free_from_ns == first.trigger_ns


def test_a_trigger_within_a_parts_length_is_a_double(tmp_path: Path) -> None:
    played = Played(tmp_path, part_length_mm=25)  # 100 ms
    played.trigger("a", age_s=0.05)
    played.trigger("a+")
    fault = played.answer("a+")
    assert isinstance(fault, Fault) and fault.reason is Reason.DOUBLE_TRIGGER
    window_ns = int(played.line.decision.gate.window_ms * 1e6)
    told = told_last(played, "a", lambda told: told.free_until_ns - told.trigger_ns > window_ns)
    assert not told.followed and played.camera.shots == 1
    played.close()


@pytest.mark.parametrize("to_gate_mm", [35, 45, 60])  # the deadline is 60, 100 or 160 ms after the trigger
def test_a_gap_is_told_of_before_the_deadline_however_wide_the_window(tmp_path: Path, to_gate_mm: float) -> None:
    played = Played(tmp_path, to_gate_mm=to_gate_mm)
    trigger_ns = time.monotonic_ns()
    played.capture.take([Trigger(part_id="a", camera="top", trigger_ns=trigger_ns)])
    assert played.capture.next_ns() <= trigger_ns + played.line.deadline_ns("top") - TOLD_BEFORE_NS
    told = told_last(played, "a", lambda told: told.free_until_ns > told.trigger_ns)
    window_ns = int(played.line.decision.gate.window_ms * 1e6)
    assert told.free_until_ns - trigger_ns >= min(window_ns, played.line.deadline_ns("top") - 30_000_000)
    played.close()


def test_a_known_defect_goes_the_way_of_every_part_and_is_no_trigger(tmp_path: Path) -> None:
    defect = np.random.default_rng(0).integers(0, 255, (48, 64), dtype=np.uint8)
    save_picture(tmp_path / "known" / "disc" / "top" / "scratch.png", defect)
    played = Played(tmp_path, {"challenge": {"frames": "known"}})
    challenges = played.station.bus.sender(CHALLENGES, "top")
    time.sleep(0.2)

    def challenge(part_id: str, frame: str, valid_s: float = 5) -> None:
        expires_ns = time.monotonic_ns() + int(valid_s * 1e9)
        challenges.send(ChallengeRequest(part_id=part_id, camera="top", frame=frame, expires_ns=expires_ns))

    challenge("challenge:old", "scratch.png", -1)
    challenge("challenge:1", "scratch.png")
    ready = played.answer("challenge:1")
    assert isinstance(ready, FrameReady) and ready.camera == "top"
    assert np.array_equal(RingReader().copy(ready.slot, "challenge:1"), defect)
    announced = [announcement.part_id for _, announcement in played.announcements.drain()]
    assert announced == ["challenge:1"], "one whose gap is over is left out"
    assert played.camera.shots == 0 and played.station.counters["triggers"] == 0
    challenge("challenge:2", "gone.png")
    missing = played.answer("challenge:2")
    assert isinstance(missing, Fault) and missing.reason is Reason.NO_FRAME
    challenges.close()
    played.close()


def test_known_defects_that_cannot_be_read_keep_no_camera_from_its_parts(tmp_path: Path) -> None:
    folder = tmp_path / "known" / "disc" / "top"
    folder.mkdir(parents=True)
    empty = Played(tmp_path, {"challenge": {"frames": "known"}})
    empty.trigger("a")
    assert isinstance(empty.answer("a"), FrameReady)
    empty.close()
    save_picture(folder / "scratch.png", np.zeros((48, 64), np.uint8))
    (folder / "torn.png").write_bytes((folder / "scratch.png").read_bytes()[:40])
    torn = Played(tmp_path, {"challenge": {"frames": "known"}})
    challenges = torn.station.bus.sender(CHALLENGES, "top")
    time.sleep(0.2)
    for frame, kind in (("torn.png", Fault), ("scratch.png", FrameReady)):
        expires_ns = time.monotonic_ns() + 5_000_000_000
        part_id = f"challenge:{frame}"
        challenges.send(ChallengeRequest(part_id=part_id, camera="top", frame=frame, expires_ns=expires_ns))
        assert isinstance(torn.answer(part_id), kind)
    challenges.close()
    torn.close()


def test_a_camera_that_shows_always_the_same_gives_no_picture_but_a_fault(tmp_path: Path) -> None:
    played = Played(tmp_path, {"alarms": {"blind_after": 5}})
    played.camera.frame = np.random.default_rng(0).integers(0, 255, (48, 64), dtype=np.uint8)
    answers = []
    for number in range(7):
        played.trigger(f"frozen-{number}")
        answers.append(played.answer(f"frozen-{number}"))
    assert [isinstance(answer, FrameReady) for answer in answers] == [True] * 5 + [False] * 2
    assert isinstance(answers[-1], Fault) and answers[-1].reason is Reason.CAMERA_BLIND
    played.close()


def test_no_second_part_is_judged_on_one_picture_of_a_camera_that_must_differ(tmp_path: Path) -> None:
    played = Played(tmp_path, frames_differ=True)
    first, other = np.random.default_rng(0).integers(0, 255, (2, 48, 64), dtype=np.uint8)
    said = []
    for number, frame in enumerate((first, first, other, other, first)):
        played.camera.frame = frame.copy()
        played.trigger(f"part-{number}")
        answer = played.answer(f"part-{number}")
        said.append(answer.reason if isinstance(answer, Fault) else None)
    assert said == [None, Reason.REPEATED_FRAME, None, Reason.REPEATED_FRAME, None]
    played.close()


def test_a_challenge_is_nobodys_neighbour(tmp_path: Path) -> None:
    defect = np.random.default_rng(0).integers(0, 255, (48, 64), dtype=np.uint8)
    save_picture(tmp_path / "known" / "disc" / "top" / "scratch.png", defect)
    played = Played(tmp_path, {"challenge": {"frames": "known"}}, part_length_mm=25)  # 100 ms
    challenges = played.station.bus.sender(CHALLENGES, "top")
    time.sleep(0.3)  # what capture vouches for begins 0.3 s after its start
    played.trigger("a", age_s=0.12)
    assert isinstance(played.answer("a"), FrameReady)
    expires_ns = time.monotonic_ns() + 5_000_000_000
    challenges.send(ChallengeRequest(part_id="challenge:1", camera="top", frame="scratch.png", expires_ns=expires_ns))
    assert isinstance(played.answer("challenge:1"), FrameReady)
    played.trigger("b")
    assert isinstance(played.answer("b"), FrameReady), "it is not the challenge's double"
    behind = told_last(played, "b", lambda told: told.free_until_ns > told.trigger_ns)
    assert (behind.trigger_ns - behind.free_from_ns) / 1e9 >= 0.12, "nothing came since a"
    challenges.close()
    played.close()


def test_a_camera_without_parts_hardly_wakes(tmp_path: Path) -> None:
    """Each wake-up of an idle camera costs a core 0.2 ms, whatever it is for."""
    (tmp_path / "line.yaml").write_text(
        yaml.safe_dump({**LINE, "cameras": {"top": {**LINE["cameras"]["top"], **SEEN}}})
    )
    save_picture(tmp_path / "seen" / "0.png", np.zeros((48, 64), np.uint8))
    health = Bus(tmp_path / "d" / "run").subscriber(HEALTH, Health, ("capture.top",))
    command = [sys.executable, "-m", "stations.capture", str(tmp_path / "line.yaml"), "--camera", "top"]
    with subprocess.Popen(command) as station:
        try:
            first, wakes_before = next_beat(health, station.pid)
            for _ in range(10):
                last, wakes = next_beat(health, station.pid)
        finally:
            station.terminate()  # it takes its ring with it
            health.close()
    assert (wakes - wakes_before) * 1e9 / (last.sent_ns - first.sent_ns) < 15


def next_beat(health: Receiver[Health], pid: int) -> tuple[Health, int]:
    """The station's next sign of life, and how often its main thread has waited for something until then."""
    assert health.socket.poll(120_000), "the station is silent"
    beat = list(health.drain())[-1]
    status = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    return beat, int(status["voluntary_ctxt_switches"])
