"""Announcements as capture makes them, for tests that stand in for it."""

from typing import Any

from line_inspector.messages import Announcement


def announced(
    part_id: str, camera: str, trigger_ns: int, travel_ns: int, reserve_ns: int, free_ns: int
) -> Announcement:
    """A part that must be decided `reserve_ns` before its gate, with its nearest neighbours `free_ns` away."""
    fields: dict[str, Any] = {
        "part_id": part_id,
        "camera": camera,
        "trigger_ns": trigger_ns,
        "trigger_wall_ns": 1_700_000_000_000_000_000 + trigger_ns,
        "deadline_ns": trigger_ns + travel_ns - reserve_ns,
        "gate_ns": trigger_ns + travel_ns,
        "free_from_ns": trigger_ns - free_ns,
        "free_until_ns": trigger_ns + free_ns,
        "followed": True,
    }
    known = Announcement.__struct_fields__  # a line that does not track gaps has no fields for them
    return Announcement(**{name: value for name, value in fields.items() if name in known})
