"""The web application: the page, its pictures, and a plain answer for monitors."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Response
from nicegui import Client, ui

from line_inspector.config import Line
from line_inspector.overlay.board import Board
from line_inspector.overlay.page import Page

HERE = Path(__file__).parent
STALLED_NS = 2_000_000_000
CACHE_FOREVER = {"Cache-Control": "private, max-age=86400, immutable"}
FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b0f14"/>'
    '<circle cx="16" cy="16" r="9" fill="none" stroke="#5cc8ff" stroke-width="3"/>'
    '<circle cx="16" cy="16" r="3" fill="#5cc8ff"/></svg>'
)


def build_site(line: Line, board: Board) -> FastAPI:
    """The application, ready to be served; it only reads the board."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.get("/health")(_health(line, board))
    app.get("/picture/{name}")(_picture(board))
    ui.add_css(HERE / "page.css", shared=True)
    ui.add_body_html(f"<script>{(HERE / 'watchdog.js').read_text(encoding='utf-8')}</script>", shared=True)

    @ui.page("/", title=f"{line.line} \N{MIDDLE DOT} Line Inspector", favicon=FAVICON)
    def _page() -> None:
        Page(line, board)

    ui.run_with(
        app,
        title="Line Inspector",
        dark=True,
        tailwind=False,
        binding_refresh_interval=None,
        message_history_length=100,
        show_welcome_message=False,
    )
    return app


def _picture(board: Board) -> Callable[[str], Response]:
    def picture(name: str) -> Response:
        key, _, look = name.removesuffix(".jpg").partition(".")
        found = board.album.get(key)
        if not found or look not in ("plain", "marked"):
            raise HTTPException(404)
        data = found.plain if look == "plain" else found.marked
        return Response(data, media_type="image/jpeg", headers=CACHE_FOREVER)

    return picture


def _health(line: Line, board: Board) -> Callable[[Response], dict[str, Any]]:
    def health(response: Response) -> dict[str, Any]:
        view = board.view
        age_ns = time.monotonic_ns() - view.made_ns
        if age_ns > STALLED_NS:
            response.status_code = 503
        return {
            "line": line.line,
            "recipe": line.recipe,
            "condition": view.condition.value,
            "view_age_ms": age_ns // 1_000_000,
            "pages_open": len(Client.instances),
            "alarms": view.alarms,
            "standing": [f"{alarm.name} {alarm.subject}".strip() for alarm in view.standing],
            "stations": {station.name: station.text for station in view.stations},
        }

    return health
