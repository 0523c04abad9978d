"""One batch through the engine: ring slots in, a verdict or a named fault for every part out."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from line_inspector.images import Frame
from line_inspector.inference.engine import Engine, Finding, FrameFault, Pipelined
from line_inspector.messages import Fault, FrameReady, SlotRef, Verdict
from line_inspector.part_record import Reason
from line_inspector.ring import TornFrame, fingerprint


class FrameSource(Protocol):
    """Where frames lie: the ring, or what has come over the network."""

    def view(self, ref: SlotRef, part_id: str) -> Frame:
        """The frame in place. Raises TornFrame."""
        ...

    def check(self, ref: SlotRef, part_id: str) -> None:
        """Raises TornFrame unless that very frame is still there."""
        ...


@dataclass(frozen=True)
class _Held:
    """A frame in its slot, and the checksum of its pixels as they were before the engine saw them."""

    request: FrameReady
    frame: Frame
    fingerprint: int


@dataclass(frozen=True)
class Begun:
    """A batch that the engine has been given; `collect` waits for its findings, once."""

    engine: Engine
    answers: list[Verdict | Fault]
    held: list[_Held]
    collect: Callable[[], list[Finding | FrameFault]]
    start_ns: int


def inspect(requests: Sequence[FrameReady], engine: Engine, ring: FrameSource) -> list[Verdict | Fault]:
    """Infer every frame in place, without copying it; a slot that changed before, meanwhile or after gives a Fault.

    The order of the answers is not that of the requests.
    """
    return finish(begin(requests, engine, ring), ring)


def begin(requests: Sequence[FrameReady], engine: Engine, ring: FrameSource) -> Begun:
    """The first half of `inspect`: look at each slot, and give the frames to the engine. Most engines infer here.

    At most `batches_at_once(engine)` may be begun and not finished.
    """
    answers: list[Verdict | Fault] = []
    held: list[_Held] = []
    for request in requests:
        try:
            frame = ring.view(request.slot, request.part_id)
        except TornFrame as e:
            answers.append(fault(request, Reason.TORN_FRAME, str(e)))
        else:
            held.append(_Held(request, frame, fingerprint(frame)))
    start_ns = time.monotonic_ns()
    return Begun(engine, answers, held, _start(engine, [item.frame for item in held]), start_ns)


def finish(begun: Begun, ring: FrameSource) -> list[Verdict | Fault]:
    """The second half: wait for the findings, by when all pixels have been read, and look at each slot again."""
    findings = begun.collect()
    end_ns = time.monotonic_ns()
    answers = list(begun.answers)
    for item, finding in zip(begun.held, findings, strict=True):
        answers.append(_answer(item, finding, begun.engine, ring, begun.start_ns, end_ns))
    return answers


def batches_at_once(engine: Engine) -> int:
    """How many batches may be begun and not finished."""
    return engine.depth if isinstance(engine, Pipelined) else 1


def _start(engine: Engine, frames: list[Frame]) -> Callable[[], list[Finding | FrameFault]]:
    if isinstance(engine, Pipelined):
        return partial(engine.collect, engine.submit(frames))
    findings = engine.infer(frames) if frames else []
    return lambda: findings


def fault(request: FrameReady, reason: Reason, detail: str) -> Fault:
    """Why the part of this frame gets no verdict."""
    return Fault(part_id=request.part_id, camera=request.camera, reason=reason, detail=detail)


def _answer(
    item: _Held, finding: Finding | FrameFault, engine: Engine, ring: FrameSource, start_ns: int, end_ns: int
) -> Verdict | Fault:
    if isinstance(finding, FrameFault):
        return fault(item.request, finding.reason, finding.detail)
    try:
        ring.check(item.request.slot, item.request.part_id)
    except TornFrame as e:
        return fault(item.request, Reason.TORN_FRAME, str(e))
    return Verdict(
        part_id=item.request.part_id,
        camera=item.request.camera,
        slot=item.request.slot,
        score=finding.score,
        threshold=engine.threshold,
        pixel_threshold=engine.pixel_threshold,
        model_version=engine.version,
        fingerprint=item.fingerprint,
        captured_ns=item.request.captured_ns,
        inference_start_ns=start_ns,
        inference_end_ns=end_ns,
        heat=finding.heat.tobytes(),
    )
