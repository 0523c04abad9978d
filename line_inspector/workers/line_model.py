"""The line's model in service, when workers must first be brought to have it."""

from collections.abc import Iterable
from pathlib import Path

from line_inspector.workers.model_id import NO_MODEL, ModelId, model_id

LOOK_EVERY_NS = 500_000_000
GRACE_NS = 60_000_000_000


class LineModel:
    """Follows the link `current`. `wanted` is what it leads to; `in_service` is what frames are inspected with.

    A new model comes into service with the first worker that has loaded it, so that a swap costs no part. After
    GRACE_NS it is in service in any case, and a line whose workers do not have it rejects: wrong_model.
    """

    def __init__(self, current: Path, now_ns: int) -> None:
        self._current = current
        self.wanted = self.in_service = model_id(current)
        self._wanted_since_ns = self._looked_ns = now_ns

    def follow(self, offered: Iterable[ModelId], now_ns: int) -> None:
        """Looks at the link, twice a second, and at what the living workers have."""
        if now_ns - self._looked_ns >= LOOK_EVERY_NS:
            self._looked_ns = now_ns
            found = model_id(self._current)
            if found not in (self.wanted, NO_MODEL):
                self.wanted, self._wanted_since_ns = found, now_ns
        if self.wanted != self.in_service and (
            self.in_service == NO_MODEL or self.wanted in offered or now_ns - self._wanted_since_ns > GRACE_NS
        ):
            self.in_service = self.wanted
