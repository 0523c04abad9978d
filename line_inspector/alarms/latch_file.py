"""Alarms that outlive a restart of decision, in a file: it acknowledges nothing, and passes no challenge."""

import logging
from pathlib import Path

import msgspec

from line_inspector.alarms.book import Standing, alarm_named
from line_inspector.alarms.table import CHALLENGE_MISSED
from line_inspector.messages import StandingAlarm
from line_inspector.records.outage import Outage

_log = logging.getLogger("alarms")


class LatchFile:
    """The file at `path`, for one process. It is replaced as a whole, and survives the process, not a power cut.

    What cannot be read any more counts as a missed challenge of every camera, which is what it may have held at worst.
    """

    def __init__(self, path: Path, cameras: tuple[str, ...]) -> None:
        self._path, self._cameras = path, cameras
        self._written: tuple[Standing, ...] | None = None
        self._outage = Outage("alarms", f"{path} cannot be written", "Free space on that disk")

    def read(self) -> list[Standing]:
        """The alarms that stood; of names that this version knows."""
        try:
            told = msgspec.json.decode(self._path.read_bytes(), type=list[StandingAlarm])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError) as e:
            _log.error("%s cannot be read (%s): accepting stops until an operator acknowledges", self._path, e)
            return [Standing(CHALLENGE_MISSED, camera, "standing alarms were lost", 0) for camera in self._cameras]
        return [
            Standing(alarm, one.subject, one.detail, one.since_wall_ns, one.present, one.acknowledged)
            for one in told
            if (alarm := alarm_named(one.name))
        ]

    def write(self, standing: tuple[Standing, ...]) -> None:
        """Keeps those that outlive us, if they are not in the file already. A full disk is logged, and tried again."""
        kept = tuple(one for one in standing if one.alarm.outlives_restart)
        if kept == self._written:
            return
        partial = self._path.with_name(f"{self._path.name}.partial")
        try:
            partial.write_bytes(msgspec.json.encode([told(one) for one in kept]))
            partial.replace(self._path)
        except OSError as e:
            self._outage.begin(e.strerror)
        else:
            self._outage.end()
            self._written = kept


def told(one: Standing) -> StandingAlarm:
    """The alarm as a message."""
    return StandingAlarm(
        name=one.alarm.name,
        subject=one.subject,
        detail=one.detail,
        since_wall_ns=one.since_wall_ns,
        present=one.present,
        acknowledged=one.acknowledged,
    )
