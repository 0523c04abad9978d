"""The alarms that stand: what was seen, what to do next, and a button for those that wait for a person."""

from collections.abc import Callable

from nicegui import ui

from line_inspector.overlay.alarm_words import operators_name
from line_inspector.overlay.view import AlarmView

ROWS = 8
ICONS = {"critical": "error", "warning": "warning"}


class AlarmPanel:
    """A fixed number of rows, the oldest alarm first. `acknowledge` is called with an alarm and the operator's name."""

    def __init__(self, acknowledge: Callable[[AlarmView, str], None]) -> None:
        self._shown: tuple[AlarmView, ...] | None = None
        self._acknowledge = acknowledge
        with ui.element("section").classes("card standing").props("role=alert") as self._panel:
            with ui.element("div").classes("standing-head"):
                self._title = ui.label().classes("card-title")
                self._name = ui.input("Your name").classes("operator").props("dense outlined")
            self._rows = [_Row(self._acknowledged) for _ in range(ROWS)]
            self._more = ui.label().classes("note")

    def show(self, alarms: tuple[AlarmView, ...], effect: str) -> None:
        """Draws the rows; `effect` says what they do to the line."""
        self._title.text = effect
        if alarms == self._shown:
            return
        self._shown = alarms
        self._panel.visible = bool(alarms)
        self._name.visible = any(alarm.waits_for_person for alarm in alarms)
        padded: tuple[AlarmView | None, ...] = (*alarms[:ROWS], *[None] * (ROWS - len(alarms)))
        for row, alarm in zip(self._rows, padded, strict=True):
            row.show(alarm)
        self._more.text = f"and {len(alarms) - ROWS} more"
        self._more.visible = len(alarms) > ROWS

    def _acknowledged(self, alarm: AlarmView) -> None:
        name = operators_name(self._name.value)
        if name:
            self._acknowledge(alarm, name)
        else:
            ui.notify("Enter your name first: it goes on record with the alarm", type="warning")


class _Row:
    def __init__(self, on_acknowledge: Callable[[AlarmView], None]) -> None:
        self._alarm: AlarmView | None = None
        with ui.element("div").classes("alarm warning") as self._row:
            self._icon = ui.icon("warning")
            with ui.element("div").classes("alarm-words"):
                self._title, self._next = ui.label().classes("alarm-title"), ui.label().classes("alarm-next")
                self._facts = ui.label().classes("note")
            self._button = ui.button("Acknowledge", on_click=lambda: self._alarm and on_acknowledge(self._alarm))

    def show(self, alarm: AlarmView | None) -> None:
        self._alarm, self._row.visible = alarm, alarm is not None
        if alarm:
            self._row.classes(replace=f"alarm {alarm.severity}")
            self._icon.name = ICONS[alarm.severity]
            self._title.text, self._next.text, self._facts.text = alarm.title, alarm.next_step, alarm.facts
            self._button.visible = alarm.waits_for_person
