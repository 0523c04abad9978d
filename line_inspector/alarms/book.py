"""Which alarms stand: raised by a cause, held until it is gone and, where they latch, until somebody acknowledges."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from line_inspector.alarms.table import BY_NAME, Alarm, Effect

LONGEST_DETAIL = 300
AND_MORE = "; and more, see the audit table"
LINE = ""  # the subject of an alarm that is about the whole line


@dataclass(frozen=True)
class Standing:
    """One alarm that stands, since a moment by the wall clock. `present`: its cause lasts."""

    alarm: Alarm
    subject: str
    detail: str
    since_wall_ns: int
    present: bool = True
    acknowledged: bool = False


class Happening(StrEnum):
    """What becomes of an alarm."""

    RAISED = "alarm.raise"
    ACKNOWLEDGED = "alarm.acknowledge"
    CLEARED = "alarm.clear"


@dataclass(frozen=True)
class AlarmEvent:
    """For the record: what happened to which alarm; `who` is empty unless a person did it."""

    happening: Happening
    alarm: Alarm
    subject: str
    detail: str
    wall_ns: int
    who: str = ""


class AlarmBook:
    """The alarms that stand. `restored` are those that stood when the process before this one ended, and are over
    at once where neither a cause nor a person keeps them."""

    def __init__(self, restored: Iterable[Standing] = (), wall_ns: int = 0) -> None:
        self._standing = {(one.alarm.name, one.subject): one for one in restored}
        self._events: list[AlarmEvent] = []
        for key in tuple(self._standing):
            self._end_if_over(key, wall_ns)

    def signal(self, alarm: Alarm, subject: str, present: bool, wall_ns: int, detail: str = "") -> None:
        """Whether the alarm's cause is there now; saying the same again changes nothing."""
        key = (alarm.name, subject)
        standing = self._standing.get(key)
        if standing is None:
            if present:
                self._standing[key] = Standing(alarm, subject, detail, wall_ns)
                self._events.append(AlarmEvent(Happening.RAISED, alarm, subject, detail, wall_ns))
        elif present is not standing.present:
            again = present and standing.acknowledged  # what was acknowledged was the earlier time
            self._standing[key] = replace(standing, present=present, acknowledged=standing.acknowledged and not again)
            self._end_if_over(key, wall_ns)

    def pulse(self, alarm: Alarm, subject: str, wall_ns: int, detail: str = "") -> None:
        """The cause of a latching alarm was there for a moment; each time is on record, and shown, with its detail."""
        standing = self._standing.get((alarm.name, subject))
        if standing:
            told = f"{standing.detail}; {detail}"
            told = told if len(told) <= LONGEST_DETAIL else f"{standing.detail.removesuffix(AND_MORE)}{AND_MORE}"
            self._standing[alarm.name, subject] = replace(standing, detail=told)
            self._events.append(AlarmEvent(Happening.RAISED, alarm, subject, detail, wall_ns))
        self.signal(alarm, subject, True, wall_ns, detail)
        self.signal(alarm, subject, False, wall_ns)

    def acknowledge(self, name: str, subject: str, who: str, wall_ns: int) -> bool:
        """A person has seen a latching alarm; False where none of this name stands, or it was acknowledged already."""
        key = (name, subject)
        standing = self._standing.get(key)
        if standing is None or standing.acknowledged or not standing.alarm.latching:
            return False
        self._standing[key] = replace(standing, acknowledged=True)
        event = AlarmEvent(Happening.ACKNOWLEDGED, standing.alarm, subject, standing.detail, wall_ns, who)
        self._events.append(event)
        self._end_if_over(key, wall_ns)
        return True

    @property
    def standing(self) -> tuple[Standing, ...]:
        """What stands, the oldest first."""
        return tuple(self._standing.values())

    def stands(self, alarm: Alarm, subject: str = LINE) -> bool:
        """Whether this one does."""
        return (alarm.name, subject) in self._standing

    @property
    def accepts_stopped(self) -> tuple[str, ...]:
        """Names of the alarms for which nothing is accepted; empty when accepting is allowed."""
        return tuple(one.alarm.name for one in self._standing.values() if one.alarm.effect is Effect.ACCEPTS_STOP)

    @property
    def stop_requested(self) -> bool:
        """Whether the line is asked to stop: also where nothing is accepted, for every part is wasted then."""
        return any(one.alarm.effect is not Effect.NONE for one in self._standing.values())

    def take_events(self) -> list[AlarmEvent]:
        """What has happened since the last call, in order."""
        events, self._events = self._events, []
        return events

    def _end_if_over(self, key: tuple[str, str], wall_ns: int) -> None:
        standing = self._standing[key]
        if standing.present or (standing.alarm.latching and not standing.acknowledged):
            return
        del self._standing[key]
        self._events.append(AlarmEvent(Happening.CLEARED, standing.alarm, standing.subject, standing.detail, wall_ns))


def alarm_named(name: str) -> Alarm | None:
    """The row of the table; None for a name that this version does not know."""
    return BY_NAME.get(name)
