"""Announcements as capture makes them and verdicts as inference does, for tests that stand in for these."""

from line_inspector.messages import Announcement, SlotRef, Verdict


def announced(
    part_id: str, camera: str, trigger_ns: int, travel_ns: int, reserve_ns: int, free_ns: int
) -> Announcement:
    """A part that must be decided `reserve_ns` before its gate, with its nearest neighbours `free_ns` away."""
    return Announcement(
        part_id=part_id,
        camera=camera,
        trigger_ns=trigger_ns,
        trigger_wall_ns=1_700_000_000_000_000_000 + trigger_ns,
        deadline_ns=trigger_ns + travel_ns - reserve_ns,
        gate_ns=trigger_ns + travel_ns,
        free_from_ns=trigger_ns - free_ns,
        free_until_ns=trigger_ns + free_ns,
        followed=True,
    )


def inspected(told: Announcement, score: float = 0.1) -> Verdict:
    """What the model says of an announced part in time; it rejects from 0.5 on."""
    return Verdict(
        part_id=told.part_id,
        camera=told.camera,
        slot=SlotRef(ring=told.camera, slot=0, generation=2),
        score=score,
        threshold=0.5,
        pixel_threshold=0.4,
        model_version="v1",
        fingerprint=1,
        captured_ns=told.trigger_ns + 1,
        inference_start_ns=told.trigger_ns + 2,
        inference_end_ns=told.trigger_ns + 3,
        heat=b"",
    )
