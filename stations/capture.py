"""One camera: announces every triggered part to decision, then shoots it into the ring and tells the worker."""

import argparse
import time
from collections import OrderedDict
from collections.abc import Sequence

from line_inspector import runtime
from line_inspector.bus import DRAINED_AT_ONCE
from line_inspector.cameras import Camera, CameraFault, build_camera
from line_inspector.cameras.rate_source import RateSource
from line_inspector.cameras.sight import Sight
from line_inspector.config import NS_PER_MS, CameraSettings, Line, RateTrigger
from line_inspector.images import Frame
from line_inspector.known_defects import KnownDefects
from line_inspector.messages import ChallengeRequest, Fault, FrameReady, Trigger
from line_inspector.part_record import Reason
from line_inspector.ring import Geometry, RingOverrun, RingWriter, remove_orphans, slots_needed
from line_inspector.streams import ANNOUNCEMENTS, CHALLENGES, FAULTS, FRAMES, SHOTS, TRIGGERS
from line_inspector.tracking.announcer import EARLIEST_TRIGGER_NS, Announcer
from line_inspector.tracking.belt import NEVER_NS
from line_inspector.tracking.gaps import Sighting

REMEMBERED_PARTS = 10_000  # 100 s at 100/s; a trigger that was not acknowledged is repeated every 10 s at least
LAST_ACKNOWLEDGEMENT_NS = 3_000_000_000
CHALLENGE_SLOTS = 2
LONGEST_WAIT_MS = 100  # an idle camera costs its wake-ups
REPEAT_LOOK_NS = 50_000_000  # while an announcement is not acknowledged; decision may be back at any time


def serve(station: runtime.Station, arguments: argparse.Namespace) -> None:
    """Runs until told to stop."""
    settings = station.line.camera(arguments.camera)
    capture = Capture(station, arguments.camera, settings, build_camera(settings.source))
    source = RateSource(arguments.camera, settings.trigger) if isinstance(settings.trigger, RateTrigger) else None

    def wake_ns() -> int:
        return min(capture.next_ns(), source.next_ns() if source else NEVER_NS)

    for now_ns in station.turns(wake_ns, LONGEST_WAIT_MS):
        capture.take(source.due(now_ns) if source else [])
        capture.turn(now_ns)
    capture.hand_over()
    capture.close()


class Capture:
    """The camera, its ring, and the sockets around them.

    A trigger is acknowledged only when decision has acknowledged its announcement, so a part survives the death of
    this process: its source sends the trigger again, and it becomes a late_trigger.
    """

    def __init__(self, station: runtime.Station, name: str, settings: CameraSettings, camera: Camera) -> None:
        self._station, self._name, self._settings, self._camera = station, name, settings, camera
        self._sight = Sight(station.line.alarms.blind_after, must_differ=settings.must_differ)
        self._keep_ns = int(station.line.records.keep_frames_s * 1e9)
        remove_orphans(station.line.ring_owner, station.line.cameras)
        self._ring = RingWriter(station.line.ring_owner, name, ring_geometry(station.line, name))
        self._triggers = station.bus.acked_receiver(TRIGGERS, Trigger, name)
        announcements = station.bus.acked_sender(ANNOUNCEMENTS, f"capture.{name}")
        self._frames = station.bus.sender(FRAMES)
        self._shots = station.bus.sender(SHOTS)
        self._faults = station.bus.sender(FAULTS)
        self._announcer = Announcer(announcements, station.line, name, time.monotonic_ns())
        self._challenges = station.bus.receiver(CHALLENGES, ChallengeRequest, name)
        folder = station.line.known_defects_dir(name)
        self._known_defects = KnownDefects(folder) if folder else None
        self._waiting: dict[str, bytes] = {}  # part id -> who sent its trigger, until decision acknowledges
        self._done: OrderedDict[str, None] = OrderedDict()
        station.watch(self._triggers.socket)
        station.watch(announcements.socket)
        station.watch(self._challenges.socket)

    def turn(self, now_ns: int) -> None:
        """Takes the triggers that have arrived and passes acknowledgements on."""
        arrived: list[Trigger] = []
        drained = list(self._triggers.drain())
        for sender, trigger in drained:
            if trigger.part_id in self._done:
                self._triggers.acknowledge(sender, trigger.part_id)
            elif trigger.part_id not in self._waiting:
                self._waiting[trigger.part_id] = sender
                arrived.append(trigger)
        self.take(arrived)
        if len(drained) < DRAINED_AT_ONCE:  # otherwise more may be waiting
            self._announcer.watched(now_ns)
        for request in self._challenges.drain():
            if not arrived:  # parts come first; decision asks again
                self._challenge(request)
        self._settle(now_ns)
        self._station.counters["refused"] = self._triggers.refused + self._announcer.refused + self._challenges.refused

    def next_ns(self) -> int:
        """When a gap must be told of, or an announcement may have to be repeated."""
        repeat_ns = time.monotonic_ns() + REPEAT_LOOK_NS if len(self._announcer) else NEVER_NS
        return min(self._announcer.next_ns(), repeat_ns)

    def hand_over(self) -> None:
        """Waits, on the way out, until decision has every announced part on record; nobody else would repeat them."""
        end_ns = time.monotonic_ns() + LAST_ACKNOWLEDGEMENT_NS
        while len(self._announcer) and (now_ns := time.monotonic_ns()) < end_ns:
            self._settle(now_ns)
            time.sleep(0.005)
        if len(self._announcer):
            self._station.log.warning("%d parts were not acknowledged by decision", len(self._announcer))

    def take(self, triggers: Sequence[Trigger]) -> None:
        """Announces every part, then shoots them; whatever goes wrong after that is a fault with a name.

        A slow shot then delays the shots after it, but not their announcements.
        """
        self._station.counters["triggers"] += len(triggers)
        sightings = [self._announcer.announce(trigger) for trigger in triggers]
        for trigger, sighting in zip(triggers, sightings, strict=True):
            if sighting.double:
                self._fault(trigger.part_id, Reason.DOUBLE_TRIGGER, _doubled(trigger, sighting))
            else:
                self._shoot(trigger)

    def close(self) -> None:
        """Lets go of camera and ring."""
        self._camera.close()
        self._ring.close()

    def _challenge(self, request: ChallengeRequest) -> None:
        """Puts a known defect in as if the camera had shot it now; it is announced, but is no part."""
        now_ns = time.monotonic_ns()
        frame = self._known_defects.frame(request.frame) if self._known_defects else None
        if now_ns > request.expires_ns:
            return
        self._station.counters["challenges"] += 1
        announcement = self._announcer.challenge(request.part_id, now_ns)
        if frame is None:
            self._fault(request.part_id, Reason.NO_FRAME, f"there is no known defect {request.frame}")
        else:
            self._deliver(request.part_id, frame, announcement.deadline_ns, now_ns)

    def _shoot(self, trigger: Trigger) -> None:
        if self._expired(trigger, time.monotonic_ns()):
            return
        try:
            frame = self._camera.shoot(trigger.scene)
        except CameraFault as e:
            self._fault(trigger.part_id, Reason(e.reason), e.text)
            return
        captured_ns = time.monotonic_ns()
        unseen = self._sight.look(frame)
        kept = None
        if unseen:
            self._fault(trigger.part_id, unseen.reason, unseen.detail)
        elif not self._expired(trigger, captured_ns):  # a camera that stalled has seen the next part
            deadline_ns = trigger.trigger_ns + self._station.line.deadline_ns(self._name)
            kept = self._deliver(trigger.part_id, frame, deadline_ns, captured_ns)
        self._sight.remember(frame.copy() if kept is None else kept)

    def _expired(self, trigger: Trigger, now_ns: int) -> bool:
        """Whether the part is not before the lens. A trigger of the future would also hold its slot until then."""
        age_ns = now_ns - trigger.trigger_ns
        if -EARLIEST_TRIGGER_NS <= age_ns <= self._settings.trigger_expiry_ns:
            return False
        wrong = f"{age_ns / NS_PER_MS:.0f} ms after its trigger the part is no longer before the lens"
        if age_ns < 0:
            wrong = f"its trigger is dated {-age_ns / NS_PER_MS:.0f} ms ahead of this host's clock"
        self._fault(trigger.part_id, Reason.LATE_TRIGGER, wrong)
        return True

    def _settle(self, now_ns: int) -> None:
        for part_id in self._announcer.acknowledged():
            self._remember(part_id)
        self._announcer.resend(now_ns)
        self._station.counters["unacknowledged"] = len(self._announcer)

    def _deliver(self, part_id: str, frame: Frame, deadline_ns: int, captured_ns: int) -> Frame | None:
        """The frame as it lies in the ring; None when it did not get there."""
        wrong = self._wrong_size(frame)
        if wrong:
            self._fault(part_id, Reason.BAD_FRAME, wrong)
            return None
        try:
            slot = self._ring.write(frame, part_id, deadline_ns, self._keep_ns, captured_ns)
        except RingOverrun as e:
            self._fault(part_id, Reason.OVERRUN, f"{e}: parts come faster than max_rate_hz")
            return None
        ready = FrameReady(
            part_id=part_id, camera=self._name, slot=slot, captured_ns=captured_ns, deadline_ns=deadline_ns
        )
        self._shots.send(ready)  # so that the archive gets the picture even when no verdict comes
        if not self._frames.send(ready):
            self._fault(part_id, Reason.WORKER_DOWN, "no worker takes frames")
        return self._ring.written(slot, frame.shape)

    def _wrong_size(self, frame: Frame) -> str:
        """What is wrong with the frame's size, and how to let such frames in; empty where nothing is."""
        height, width = frame.shape[:2]
        channels = frame.shape[2] if frame.ndim == 3 else 1
        keys = self._settings.keys_to_set(width, height, channels)
        if not keys:
            return ""
        remedy = ", ".join(f"{key}: {value}" for key, value in keys.items())
        what = f"frame of {width} x {height} x {channels}, expected {self._settings.largest_frame}"
        return f"{what}; to let such frames in, set {remedy} of cameras.{self._name}"

    def _fault(self, part_id: str, reason: Reason, detail: str) -> None:
        self._station.counters[f"fault.{reason}"] += 1
        self._station.log.warning("part %s: %s: %s", part_id, reason, detail)
        self._faults.send(Fault(part_id=part_id, camera=self._name, reason=reason, detail=detail))

    def _remember(self, part_id: str) -> None:
        self._done[part_id] = None
        if len(self._done) > REMEMBERED_PARTS:
            self._done.popitem(last=False)
        sender = self._waiting.pop(part_id, None)
        if sender is not None:
            self._triggers.acknowledge(sender, part_id)


def _doubled(trigger: Trigger, sighting: Sighting) -> str:
    after_ms = (trigger.trigger_ns - sighting.gap.from_ns) / NS_PER_MS
    return f"{after_ms:.1f} ms after the last one, within a part's length"


def ring_geometry(line: Line, name: str) -> Geometry:
    """The size of a camera's ring, from the line file."""
    settings = line.cameras[name]
    slots = slots_needed(settings.max_rate_hz, line.deadline_ns(name) / 1e9, line.records.keep_frames_s)
    slots += CHALLENGE_SLOTS if line.challenge else 0
    return Geometry(slots, settings.max_width_px * settings.max_height_px * settings.channels)


def _camera_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--camera", required=True, help="name of the camera in the line file")


if __name__ == "__main__":
    runtime.main("capture", serve, _camera_option)
