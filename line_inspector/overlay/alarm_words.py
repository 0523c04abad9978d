"""Standing alarms in the words of the table, for the page."""

import time

from line_inspector.alarms.table import BY_NAME, Effect, Severity
from line_inspector.messages import AlarmsStanding, StandingAlarm
from line_inspector.overlay.view import AlarmView

LONGEST_NAME = 60


def alarm_view(one: StandingAlarm) -> AlarmView:
    """The alarm as the page shows it; one of a newer decision, which the table here does not know, by its name."""
    alarm = BY_NAME.get(one.name)
    about = f"Camera {one.subject}: " if one.subject else ""
    meaning = alarm.meaning if alarm else one.name.replace("_", " ")
    title = f"{about}{meaning}" if about else meaning[:1].upper() + meaning[1:]
    facts = [f"Since {time.strftime('%H:%M:%S', time.localtime(one.since_wall_ns / 1e9))}", one.name, one.detail]
    if one.acknowledged:
        facts.append("acknowledged, its cause lasts")
    elif not one.present:
        facts.append("its cause is gone")
    return AlarmView(
        name=one.name,
        subject=one.subject,
        severity=(alarm.severity if alarm else Severity.CRITICAL).value,
        title=title,
        next_step=alarm.next_step if alarm else "Call maintenance.",
        facts=" \N{MIDDLE DOT} ".join(fact for fact in facts if fact),
        waits_for_person=bool(alarm and alarm.latching and not one.acknowledged),
    )


def operators_name(typed: object) -> str:
    """A name as it goes on record: what can be printed, in one line, not too long. A browser may send anything."""
    words = "".join(sign if sign.isprintable() else " " for sign in str(typed or "")).split()
    return " ".join(words)[:LONGEST_NAME]


def effect_in_words(told: AlarmsStanding | None) -> str:
    """What all of them together do to the line."""
    known = [BY_NAME[one.name] for one in told.alarms if one.name in BY_NAME] if told else []
    if any(alarm.effect is Effect.ACCEPTS_STOP for alarm in known):
        return "NOTHING IS ACCEPTED \N{EM DASH} stop the line"
    return "STOP THE LINE" if told and told.stop_requested else "Alarms"
