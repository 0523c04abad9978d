"""One camera: verdict, reason, score and picture of the part that is shown."""

from nicegui import ui

from line_inspector.overlay.part_picture import PartPicture
from line_inspector.overlay.view import CameraView, PartView, Standing

ICONS = {
    Standing.WAITING: "hourglass_empty",
    Standing.ACCEPT: "check_circle",
    Standing.REJECT: "cancel",
    Standing.STALE: "warning",
}
FACTS = ("Part", "Time", "Decided in", "Model")


class CameraPanel:
    """Elements of one camera's panel; `show` changes only what differs."""

    def __init__(self, camera: str) -> None:
        self._shown: tuple[CameraView, bool] | None = None
        self._panel = ui.element("article").classes("camera waiting").props(f'aria-label="Camera {camera}"')
        with self._panel, ui.element("div").classes("camera-body"):
            with ui.element("div").classes("verdict-side"):
                self._build_verdict(camera)
                self._build_score()
                self._build_facts()
            with ui.element("div").classes("picture-side"):
                self._picture = PartPicture()
                self._ribbon = ui.label().classes("ribbon")

    def show(self, view: CameraView, *, heat: bool) -> None:
        """Draws the view; text and picture of an accepted part wait until the last picture has arrived.

        A reject waits for nothing: on a slow link it would be missed.
        """
        if self._shown == (view, heat) or (view.standing is Standing.ACCEPT and self._picture.is_loading):
            return
        self._shown = (view, heat)
        self._panel.classes(replace=f"camera {view.standing.value}")
        self._icon.name = ICONS[view.standing]
        self._headline.text = view.headline
        self._reason.text = _reason(view)
        self._ribbon.text = f"NOT LIVE \N{MIDDLE DOT} {view.age} old" if view.part else ""
        self._ribbon.visible = view.standing is Standing.STALE and view.part is not None
        self._picture.show(view.part, heat=heat)
        self._show_part(view.part)

    def _build_verdict(self, camera: str) -> None:
        with ui.element("div").classes("verdict"):
            ui.label(f"Camera {camera}").classes("camera-name")
            with ui.element("div").classes("headline-row"):
                self._icon = ui.icon(ICONS[Standing.WAITING]).classes("verdict-icon")
                self._headline = ui.label("NO PART YET").classes("headline")
            self._reason = ui.label().classes("reason")

    def _build_score(self) -> None:
        with ui.element("div").classes("score"):
            with ui.element("div").classes("gauge"):
                self._fill = ui.element("div").classes("gauge-fill").style("width: 0%")
                ui.element("div").classes("gauge-limit")
            self._score = ui.label().classes("score-text")

    def _build_facts(self) -> None:
        with ui.element("dl").classes("facts"):
            self._facts = [_fact(name) for name in FACTS]
            ui.label("White outline: where the model sees the defect").classes("note legend")

    def _show_part(self, part: PartView | None) -> None:
        self._score.text = part.score if part else ""
        share = (part.score_share if part else None) or 0.0
        self._fill.style(replace=f"width: {100 * share:.0f}%")
        values = (part.part_id, part.decided_at, part.latency, part.model) if part else ("",) * len(FACTS)
        for label, value in zip(self._facts, values, strict=True):
            label.text = value


def _reason(view: CameraView) -> str:
    if view.standing is Standing.STALE and view.part:
        return f"{view.stale_why}. The last part, {view.age} ago: {view.part.verdict}, {view.part.reason.lower()}."
    if view.part:
        return view.part.reason
    return view.stale_why or "Waiting for the first part"


def _fact(name: str) -> ui.label:
    with ui.element("div"):
        ui.label(name).classes("fact-name")
        return ui.label().classes("fact-value")
