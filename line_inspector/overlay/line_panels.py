"""The line as a whole: its totals and its stations."""

from nicegui import ui

from line_inspector.overlay.liveness import Life
from line_inspector.overlay.view import CountsView, StationView
from line_inspector.part_record import Reason

LIFE_ICONS = {Life.LIVE: "check_circle", Life.AWAITED: "hourglass_empty", Life.SILENT: "error"}


class CountsPanel:
    """Triggers, accepted, rejected, and rejected by reason."""

    def __init__(self) -> None:
        self._shown: CountsView | None = None
        with ui.element("section").classes("card counts"):
            ui.label("Parts").classes("card-title")
            self._triggers, _ = _count("Triggers", "triggers")
            self._accepted, self._accepted_share = _count("Accepted", "accepted")
            self._rejected, self._rejected_share = _count("Rejected", "rejected")
            with ui.element("div").classes("by-reason"):
                self._reasons = [_Reason() for _ in Reason]
            self._note = ui.label().classes("note")

    def show(self, view: CountsView) -> None:
        """Draws the view."""
        if view == self._shown:
            return
        self._shown = view
        self._triggers.text, self._accepted.text, self._rejected.text = view.triggers, view.accepted, view.rejected
        self._accepted_share.text, self._rejected_share.text = view.accepted_share, view.rejected_share
        self._note.text = view.note
        for row, entry in zip(self._reasons, (*view.by_reason, *[("", "")] * len(self._reasons)), strict=False):
            row.show(*entry)


class StationsPanel:
    """Which stations are alive."""

    def __init__(self, count: int) -> None:
        self._shown: tuple[StationView, ...] = ()
        with ui.element("section").classes("card stations"):
            ui.label("Stations").classes("card-title")
            self._rows = [_StationRow() for _ in range(count)]

    def show(self, views: tuple[StationView, ...]) -> None:
        """Draws the rows; their number never changes."""
        if views == self._shown:
            return
        self._shown = views
        for row, view in zip(self._rows, views, strict=True):
            row.show(view)


class _Reason:
    def __init__(self) -> None:
        with ui.element("div").classes("reason-row") as self._row:
            self._words, self._count = ui.label(), ui.label().classes("number")

    def show(self, words: str, count: str) -> None:
        self._words.text, self._count.text = words, count
        self._row.visible = bool(words)


class _StationRow:
    def __init__(self) -> None:
        with ui.element("div").classes("station awaited") as self._row:
            self._icon = ui.icon(LIFE_ICONS[Life.AWAITED])
            self._name, self._text = ui.label().classes("station-name"), ui.label().classes("station-text")

    def show(self, view: StationView) -> None:
        self._row.classes(replace=f"station {view.life.value}")
        self._icon.name = LIFE_ICONS[view.life]
        self._name.text, self._text.text = view.name, view.text


def _count(name: str, look: str) -> tuple[ui.label, ui.label]:
    with ui.element("div").classes(f"count {look}"):
        ui.label(name).classes("count-name")
        return ui.label().classes("number"), ui.label().classes("share")
