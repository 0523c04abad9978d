"""Parts that were decided without one of their cameras, should its view come after all: it is no part of its own."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from line_inspector.decision.open_part import OpenPart, View
from line_inspector.part_record import PartRecord, is_part, views_of

REMEMBERED_PARTS = 256


@dataclass
class _Incomplete:
    """A decided part by its places at the gate, and the cameras that had not seen it by then."""

    part_id: str
    places: tuple[int, ...]
    missing: set[str]


class LateViews:
    """The latest parts that some of their cameras had not seen when they were decided.

    None of them was accepted: that takes a view of every camera. `lanes` are cameras that see the same parts, by
    camera; views within `within` of each other are of one part.
    """

    def __init__(self, lanes: Mapping[str, tuple[str, ...]], within: int) -> None:
        self._lanes, self._within = lanes, within
        self._parts: deque[_Incomplete] = deque(maxlen=REMEMBERED_PARTS)

    def decided(self, part: OpenPart, record: PartRecord) -> None:
        """The part has been decided as it is."""
        if is_part(record):
            places = tuple(view.place for view in part.views.values() if view.place is not None)
            self._add(record.part_id, places, set(part.cameras) - set(part.views))

    def recovered(self, records: Iterable[PartRecord]) -> None:
        """Parts that the process before this one has decided. Only on a belt whose places are moments."""
        for record in records:
            if is_part(record) and record.views:
                seen = {view.camera for view in views_of(record)}
                self._add(record.part_id, (record.gate_ns,), set(self._lanes.get(record.camera, ())) - seen)

    def forget(self) -> None:
        """Places on the belt mean something else from now on."""
        self._parts.clear()

    def part_of(self, view: View) -> str | None:
        """The id of the decided part that this is the missing view of; each camera has one."""
        camera, place = view.announcement.camera, view.place
        for part in self._parts:
            if place is not None and camera in part.missing and self._is_near(place, part):
                part.missing.discard(camera)
                return part.part_id
        return None

    def _is_near(self, place: int, part: _Incomplete) -> bool:
        return all(abs(place - other) <= self._within for other in part.places)

    def _add(self, part_id: str, places: tuple[int, ...], missing: set[str]) -> None:
        if places and missing:
            self._parts.append(_Incomplete(part_id, places, missing))
