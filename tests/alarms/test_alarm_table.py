"""The table of alarms: complete, and worth reading at 3 a.m."""

from line_inspector.alarms.table import ALARMS, BY_NAME, Effect, Severity


def test_every_alarm_tells_what_was_seen_and_what_to_do() -> None:
    assert len(BY_NAME) == len(ALARMS)
    for alarm in ALARMS:
        assert alarm.meaning and not alarm.meaning.endswith(".")
        assert alarm.next_step.endswith("."), alarm.name
        assert alarm.name.isidentifier() and alarm.name.islower()


def test_what_stops_a_line_is_critical() -> None:
    assert all(alarm.severity is Severity.CRITICAL for alarm in ALARMS if alarm.effect is not Effect.NONE)
    assert {alarm.name for alarm in ALARMS if alarm.effect is Effect.ACCEPTS_STOP} == {
        "challenge_missed",
        "challenge_unanswered",
    }
