"""The operators' page: one instance per open browser, drawn from the board's view, which is the same for all."""

import time

from nicegui import ui

from line_inspector.config import Line
from line_inspector.messages import AlarmAcknowledgement
from line_inspector.overlay.alarm_panel import AlarmPanel
from line_inspector.overlay.board import Board
from line_inspector.overlay.camera_panel import CameraPanel
from line_inspector.overlay.line_panels import CountsPanel, StationsPanel
from line_inspector.overlay.reject_strip import RejectStrip
from line_inspector.overlay.view import AlarmView, Condition, LineView

LOST = "CONNECTION LOST \N{EM DASH} nothing on this page is live"

CONDITIONS = {
    Condition.WAITING: ("hourglass_empty", "WAITING FOR THE LINE"),
    Condition.INSPECTING: ("check_circle", "INSPECTING"),
    Condition.ATTENTION: ("warning", "NEEDS ATTENTION"),
    Condition.STOPPED: ("warning", "NOT INSPECTING"),
}


class Page:
    """Elements of one browser's page; a timer draws each new view into them."""

    def __init__(self, line: Line, board: Board) -> None:
        self._board = board
        self._heat = True
        self._drawn: tuple[LineView, bool] | None = None
        self._build_header(line)
        ui.label(LOST).classes("lost-banner").props("role=alert")
        self._alarms = ui.label().classes("alarms").props("role=alert")
        self._standing = AlarmPanel(self._acknowledge)
        view = board.view
        with ui.element("div").classes("line"):
            with ui.element("section").classes("cameras"):
                self._cameras = [CameraPanel(camera.camera) for camera in view.cameras]
            with ui.element("aside"):
                self._counts = CountsPanel()
                self._stations = StationsPanel(len(view.stations))
            self._strip = RejectStrip()
        self._draw()
        ui.timer(1 / line.overlay.refresh_hz, self._refresh)

    def _refresh(self) -> None:
        self._board.looked_ns = time.monotonic_ns()
        self._draw()

    def _build_header(self, line: Line) -> None:
        with ui.element("header").classes("bar"):
            with ui.element("div").classes("title"):
                ui.label("Line").classes("fact-name")
                ui.label(line.line).classes("line-name")
            _fact("Recipe").text = line.recipe
            self._model = _fact("Model")
            self._latency = _fact("Decision time")
            ui.element("div").classes("space")
            ui.switch("Heat map", value=True, on_change=lambda e: self._set_heat(bool(e.value))).classes("heat-switch")
            with ui.element("div").classes("status") as self._status:
                self._status_icon = ui.icon("hourglass_empty")
                self._status_text = ui.label()
            self._clock = ui.label().classes("beat")

    def _set_heat(self, heat: bool) -> None:
        self._heat = heat
        self._draw()

    def _acknowledge(self, alarm: AlarmView, who: str) -> None:
        self._board.acknowledged.put(AlarmAcknowledgement(name=alarm.name, subject=alarm.subject, who=who))

    def _draw(self) -> None:
        view = self._board.view
        if self._drawn == (view, self._heat):
            return
        self._drawn = (view, self._heat)
        self._draw_header(view)
        self._standing.show(view.standing, view.effect)
        for panel, camera in zip(self._cameras, view.cameras, strict=True):
            panel.show(camera, heat=self._heat)
        self._counts.show(view.counts)
        self._stations.show(view.stations)
        self._strip.show(view.rejects, heat=self._heat)

    def _draw_header(self, view: LineView) -> None:
        self._clock.text, self._model.text, self._latency.text = view.clock, view.model, view.latency
        self._status.classes(replace=f"status {view.condition.value}")
        self._status_icon.name, self._status_text.text = CONDITIONS[view.condition]
        self._alarms.text = "\n".join(view.alarms)
        self._alarms.visible = bool(view.alarms)


def _fact(name: str) -> ui.label:
    with ui.element("div").classes("bar-fact"):
        ui.label(name).classes("fact-name")
        return ui.label().classes("fact-value")
