"""The inference station of a line that names its workers: shares frames among them, and sends the answers on."""

import time

from line_inspector.messages import Call, Fault, FrameReady, Verdict
from line_inspector.part_record import Reason
from line_inspector.ring import RingReader, TornFrame, fingerprint
from line_inspector.runtime import SERVING, Station
from line_inspector.streams import FAULTS, FRAMES, VERDICTS, WORK
from line_inspector.workers.line_model import LineModel
from line_inspector.workers.link import Heard, Link
from line_inspector.workers.model_id import NO_MODEL, ModelId
from line_inspector.workers.sharing import ANOTHER_MAY_DO_BETTER, Asked, OpenFrame, Sharing, stamped

NO_WORKER = "no worker"
TICK_NS = 10_000_000


class Sharer:
    """Every frame goes to the worker that would answer first, and to another when that one is gone or late.

    Exactly one answer for each frame is passed on, whoever gives it first. A frame that nobody could answer in time is
    a fault with a name at once; nothing is queued here.
    """

    def __init__(self, station: Station) -> None:
        settings, sockets_dir = station.line.inference.workers, station.line.sockets_dir
        self._station = station
        self._ring = RingReader()
        self._model = LineModel(station.line.current_model_path, time.monotonic_ns())
        self._links = {name: Link(name, worker, sockets_dir) for name, worker in settings.items()}
        self._sharing = Sharing({name: link.load for name, link in self._links.items()})
        self._frames = station.bus.receiver(FRAMES, FrameReady)
        self._verdicts = station.bus.sender(VERDICTS)
        self._faults = station.bus.sender(FAULTS)
        self._next_call_ns = 0
        station.watch(self._frames.socket)
        for link in self._links.values():
            station.watch(link.socket)
            station.watch(link.events)

    def wake_ns(self) -> int:
        """When to look again although nothing has come."""
        return time.monotonic_ns() + TICK_NS if len(self._sharing) else self._next_call_ns

    def turn(self, now_ns: int) -> None:
        """Takes answers and frames that have come, and hands on what a worker leaves undone."""
        for link in self._links.values():
            for heard in link.drain(time.monotonic_ns()):
                self._hear(link, heard, time.monotonic_ns())
            if link.lost(time.monotonic_ns()):
                self._take_back(link)
        offered = [model for link in self._links.values() if link.alive(now_ns) for model in link.models]
        self._model.follow(offered, now_ns)
        for frame in sorted(self._frames.drain(), key=lambda frame: frame.deadline_ns):
            item = self._sharing.open(frame)
            if item and not self._give(item):
                self._send(self._unserved(frame))
        for item in list(self._sharing.overdue(time.monotonic_ns())):
            self._station.counters["asked_again"] += self._give(item)
        self._station.counters["unanswered"] += self._sharing.expire(time.monotonic_ns())
        self._call(time.monotonic_ns())

    def close(self) -> None:
        """Ends the connections."""
        for link in self._links.values():
            link.close()

    def _hear(self, link: Link, heard: Heard, now_ns: int) -> None:
        answer = heard.answer
        if answer is None:
            return
        link.load.answered(answer.part_id, now_ns)
        item = self._sharing.get(answer.part_id)
        if not item or link.name not in item.asked:
            self._station.counters["superfluous"] += 1
            return
        if isinstance(answer, Verdict):
            model = ModelId(heard.reply.model_version, heard.reply.model_sha256)
            answer = stamped(item, link.name, answer, model, now_ns)
        else:
            answer = _fault(item.frame, answer.reason, f"worker {link.name}: {answer.detail}")
        if isinstance(answer, Fault) and answer.reason in ANOTHER_MAY_DO_BETTER:
            self._pass_on(item, link, answer)
        else:
            self._send(answer)

    def _pass_on(self, item: OpenFrame, link: Link, answer: Fault) -> None:
        """A worker cannot answer for a frame; its fault stands if nobody else has or can take it."""
        if answer.reason is Reason.WRONG_MODEL:
            link.lacks(item.asked[link.name].model)
        self._sharing.failed(item, link.name)
        if not item.holders and not self._give(item):
            self._send(answer)

    def _take_back(self, link: Link) -> None:
        """The worker is gone: what it had in hand goes to another one that can still be in time."""
        for part_id in link.load.lose():
            item = self._sharing.taken_back(part_id, link.name)
            if item and self._give(item):
                self._station.counters["sent_again"] += 1
            elif item:
                detail = f"worker {link.name} is gone, and no other could answer in time"
                self._send(_fault(item.frame, Reason.WORKER_DOWN, detail))

    def _give(self, item: OpenFrame) -> bool:
        """Sends the frame to the best worker there is; False when nobody can take it."""
        now_ns = time.monotonic_ns()
        able = self._able(now_ns)
        while name := self._sharing.choose(item, able, now_ns):
            if self._send_to(self._links[name], item, now_ns):
                return True
            if self._sharing.get(item.frame.part_id) is None:
                return True  # it is torn, and has been answered for
            able.remove(name)
        return False

    def _send_to(self, link: Link, item: OpenFrame, now_ns: int) -> bool:
        frame, pixels, model = item.frame, None, self._model.in_service
        if link.takes_pixels:
            try:
                pixels = self._ring.copy(frame.slot, frame.part_id)
            except TornFrame as e:
                self._send(_fault(frame, Reason.TORN_FRAME, str(e)))
                return False
        shape = (0, 0, 0) if pixels is None else (*pixels.shape, 1)[:3]
        call = self._called(model, now_ns, item.due_ns - now_ns - link.load.round_trip_ns, shape)
        asked = Asked(model, now_ns, None if pixels is None else fingerprint(pixels))
        if not link.give(call, frame, pixels, now_ns):
            return False
        self._sharing.given(item, link.name, asked)
        self._station.counters[f"given.{link.name}"] += 1
        return True

    def _able(self, now_ns: int) -> list[str]:
        model = self._model.in_service
        if model == NO_MODEL:
            return []
        return [name for name, link in self._links.items() if link.alive(now_ns) and model in link.models]

    def _unserved(self, frame: FrameReady) -> Fault:
        """Why nobody was given the frame."""
        now_ns, model = time.monotonic_ns(), self._model.in_service
        living = [link for link in self._links.values() if link.alive(now_ns)]
        if model == NO_MODEL:
            return _fault(frame, Reason.ENGINE_FAULT, "no model in service")
        if not living:
            return _fault(frame, Reason.WORKER_DOWN, "no worker is there")
        if not self._able(now_ns):
            has = ", ".join(
                f"{link.name} has {' and '.join(known.version for known in link.models) or 'none'}" for link in living
            )
            return _fault(frame, Reason.WRONG_MODEL, f"in service is model {model.version}; {has}")
        return _fault(frame, Reason.SKIPPED_LATE, "no worker could answer in time")

    def _send(self, answer: Verdict | Fault) -> None:
        self._sharing.close(answer.part_id)
        is_verdict = isinstance(answer, Verdict)
        self._station.counters["verdicts" if is_verdict else "faults"] += 1
        if not (self._verdicts if is_verdict else self._faults).send(answer):
            self._station.counters["unsent"] += 1  # decision is down: the part is rejected at its deadline

    def _call(self, now_ns: int) -> None:
        if now_ns < self._next_call_ns:
            return
        self._next_call_ns = now_ns + int(1e9 / WORK.rate_hz)
        self._station.state = SERVING if self._able(now_ns) else NO_WORKER
        for link in self._links.values():
            link.call(self._called(self._model.wanted, now_ns, 0, (0, 0, 0)))
            self._station.counters[f"in_hand.{link.name}"] = len(link.load)
        refused = self._frames.refused + sum(link.refused for link in self._links.values())
        self._station.counters["refused"] = refused

    def _called(self, model: ModelId, now_ns: int, remaining_ns: int, shape: tuple[int, ...]) -> Call:
        return Call(
            sent_ns=now_ns,
            remaining_ns=remaining_ns,
            model_version=model.version,
            model_sha256=model.sha256,
            height_px=shape[0],
            width_px=shape[1],
            channels=shape[2],
        )


def _fault(frame: FrameReady, reason: Reason, detail: str) -> Fault:
    return Fault(part_id=frame.part_id, camera=frame.camera, reason=reason, detail=detail)
