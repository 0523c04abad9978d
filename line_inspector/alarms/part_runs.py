"""What the latest parts say of a lane, its cameras and the worker: many rejects, camera faults, late verdicts."""

from collections import deque

from line_inspector.config import AlarmSettings
from line_inspector.part_record import Reason

BLINDING = (Reason.NO_FRAME, Reason.CAMERA_DOWN, Reason.BAD_FRAME, Reason.REPEATED_FRAME)
UNANSWERED = (Reason.NO_VERDICT, Reason.SKIPPED_LATE)
FEWEST_FOR_A_SHARE = 10


class RejectRuns:
    """The latest parts of one lane: of cameras that see the same parts, or of one that sees its own."""

    def __init__(self, settings: AlarmSettings) -> None:
        self._settings = settings
        self._rejects = 0
        self._window: deque[bool] = deque(maxlen=settings.window_parts)

    def decided(self, accepted: bool) -> None:
        """A part was decided."""
        self._rejects = 0 if accepted else self._rejects + 1
        self._window.append(not accepted)

    @property
    def too_many_in_row(self) -> bool:
        """Whether so many parts in a row were rejected that the line should stop."""
        return self._rejects >= self._settings.rejects_in_row

    @property
    def too_many_in_window(self) -> bool:
        """Whether so many of the latest parts were rejected that the line should stop."""
        return sum(self._window) >= self._settings.window_rejects

    def forget_row(self) -> None:
        """Counting rejects in a row begins anew: an operator has seen to it."""
        self._rejects = 0

    def forget_window(self) -> None:
        """Counting rejects in the window begins anew."""
        self._window.clear()


class CameraSight:
    """What one camera has shown of its latest parts."""

    def __init__(self, settings: AlarmSettings) -> None:
        self._blind_after = settings.blind_after
        self._blind = 0
        self._seen_blind = False
        self._why = ""

    def seen(self, reason: str, inspected: bool, detail: str = "") -> None:
        """What became of a part by this camera, and what was said of it; `inspected`: on a picture of it."""
        self._seen_blind = reason == Reason.CAMERA_BLIND
        if self._seen_blind or reason in BLINDING:
            self._blind += 1
            self._why = f"{reason}: {detail}" if detail else str(reason)
        elif inspected:
            self._blind = 0

    @property
    def blind(self) -> bool:
        """Whether the camera gives nothing that could be inspected."""
        return self._blind >= self._blind_after or (self._blind > 0 and self._seen_blind)

    @property
    def why(self) -> str:
        """What was wrong with the last part that it gave nothing of."""
        return self._why


class WorkerPace:
    """Which share of the line's latest parts got no verdict in time. It ends at half of the share that began it."""

    def __init__(self, settings: AlarmSettings) -> None:
        self._share = settings.slow_share
        self._unanswered: deque[bool] = deque(maxlen=settings.slow_parts)
        self._slow = False

    def decided(self, reason: Reason) -> None:
        """A part was decided."""
        self._unanswered.append(reason in UNANSWERED)
        if len(self._unanswered) >= FEWEST_FOR_A_SHARE:
            least = self._share / 2 if self._slow else self._share
            self._slow = sum(self._unanswered) / len(self._unanswered) >= least

    @property
    def slow(self) -> bool:
        """Whether the worker does not keep up."""
        return self._slow
