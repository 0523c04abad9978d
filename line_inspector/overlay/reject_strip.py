"""The last rejected parts, newest first; a touch opens one large."""

from collections.abc import Callable

from nicegui import ui

from line_inspector.overlay.part_picture import PartPicture
from line_inspector.overlay.state import REJECTS_SHOWN
from line_inspector.overlay.view import PartView


class RejectStrip:
    """A fixed row of places, filled from the left."""

    def __init__(self) -> None:
        self._shown: tuple[tuple[PartView, ...], bool] | None = None
        with ui.element("section").classes("card strip"):
            ui.label("Last rejected parts").classes("card-title")
            with ui.element("div").classes("strip-row"):
                self._places = [_Place(self._open) for _ in range(REJECTS_SHOWN)]
            self._none = ui.label("None since this page's station started").classes("note")
        self._large = _Large()
        self._heat = True

    def show(self, parts: tuple[PartView, ...], *, heat: bool) -> None:
        """Draws the strip."""
        if self._shown == (parts, heat):
            return
        self._shown, self._heat = (parts, heat), heat
        self._none.visible = not parts
        padded: tuple[PartView | None, ...] = (*parts, *[None] * (REJECTS_SHOWN - len(parts)))
        for place, part in zip(self._places, padded, strict=True):
            place.show(part, heat=heat)

    def _open(self, part: PartView) -> None:
        self._large.open(part, heat=self._heat)


class _Place:
    def __init__(self, on_open: Callable[[PartView], None]) -> None:
        self._part: PartView | None = None
        with ui.element("button").classes("place").props("type=button") as self._button:
            self._picture = PartPicture()
            self._reason = ui.label().classes("place-reason")
            self._when = ui.label().classes("place-when")
        self._button.on("click", lambda: on_open(self._part) if self._part else None)

    def show(self, part: PartView | None, *, heat: bool) -> None:
        self._part = part
        self._button.visible = part is not None
        if part:
            self._picture.show(part, heat=heat)
            self._reason.text = part.reason
            self._when.text = f"{part.decided_at} \N{MIDDLE DOT} {part.camera}"


class _Large:
    def __init__(self) -> None:
        with ui.dialog() as self._dialog, ui.element("div").classes("large"):
            with ui.element("div").classes("large-head"):
                self._title = ui.label().classes("large-title")
                ui.button(icon="close", on_click=self._dialog.close).props('flat round aria-label="Close"')
            self._picture = PartPicture()
            self._score, self._details = ui.label(), ui.label().classes("note")

    def open(self, part: PartView, *, heat: bool) -> None:
        self._title.text = f"REJECT \N{MIDDLE DOT} {part.reason}"
        self._score.text = part.score
        where = f"Part {part.part_id}, camera {part.camera}, {part.decided_at}"
        self._details.text = f"{where}, decided in {part.latency}, model {part.model}"
        self._picture.show(part, heat=heat)
        self._dialog.open()
