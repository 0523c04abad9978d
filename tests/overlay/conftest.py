"""A line on real sockets, played by one process, shown by the real station, seen by a real browser."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from line_inspector.config import Line
from line_inspector.line_file import read_line_file
from line_inspector.ring import remove_orphans

PLAYER = Path(__file__).with_name("player.py")
CHROMIUM_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
STARTS_WITHIN_S = 60

LINE = """
line: {name}
recipe: disc
data_dir: data
belt: {{speed_mm_s: 250}}
cameras:
{cameras}
overlay: {{port: {port}}}
simulation: {{rate_hz: 4}}
"""
CAMERA = """
  {name}:
    source: {{kind: simulated}}
    trigger: {{kind: line}}
    to_gate_mm: 300
"""


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def write_line(tmp_path: Path) -> Callable[..., Path]:
    def write(*cameras: str, port: int = 0) -> Path:
        path = tmp_path / "line.yaml"
        text = "".join(CAMERA.format(name=camera) for camera in cameras or ("top",))
        path.write_text(LINE.format(name=f"t{os.getpid()}", cameras=text, port=port))
        return path

    return write


@pytest.fixture
def line(write_line: Callable[..., Path]) -> Line:
    return read_line_file(write_line())


class Player:
    """Orders to the process that stands in for the other stations."""

    def __init__(self, line_file: Path) -> None:
        self._line_file = line_file
        self.rejected = 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, str(PLAYER), str(self._line_file)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def order(self, **order: Any) -> str:
        assert self.process.stdin and self.process.stdout
        self.rejected += not order.get("accepted", True)
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


class Overlay:
    """The station's process and what it prints."""

    def __init__(self, line_file: Path) -> None:
        command = [sys.executable, "-m", "stations.overlay", str(line_file)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.lines: list[str] = []
        self._answered = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for text in self.process.stderr:
            self.lines.append(text.rstrip("\n"))
            if text.startswith("overlay: http"):
                self._answered.set()
        self._answered.set()

    @property
    def url(self) -> str:
        assert self._answered.wait(STARTS_WITHIN_S), self.lines
        found = [text for text in self.lines if text.startswith("overlay: ")]
        assert len(found) == 1, self.lines
        return found[0].removeprefix("overlay: ")

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        code = self.process.wait(STARTS_WITHIN_S)
        self._reader.join()
        return code


@pytest.fixture
def play() -> Iterator[Callable[[Path], Player]]:
    players: list[Player] = []

    def start(line_file: Path) -> Player:
        players.append(Player(line_file))
        return players[-1]

    yield start
    for player in players:
        player.kill()
    remove_orphans(f"t{os.getpid()}", ())  # a killed writer leaves its rings


@pytest.fixture
def start_overlay() -> Iterator[Callable[[Path], Overlay]]:
    overlays: list[Overlay] = []

    def start(line_file: Path) -> Overlay:
        overlays.append(Overlay(line_file))
        return overlays[-1]

    yield start
    for overlay in overlays:
        overlay.end(signal.SIGKILL)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no browser: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


class Visit:
    """One open page, every address it asked for, and everything its console said."""

    def __init__(self, browser: Browser, url: str, width_px: int, height_px: int) -> None:
        self.page: Page = browser.new_page(viewport={"width": width_px, "height": height_px})
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("websocket", lambda opened: self.requests.append(opened.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._hear)
        self.page.goto(url)

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    visits: list[Visit] = []

    def open_page(url: str, width_px: int = 1280, height_px: int = 800) -> Visit:
        visits.append(Visit(browser, url, width_px, height_px))
        return visits[-1]

    yield open_page
    for opened in visits:
        opened.page.close()
