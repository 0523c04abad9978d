"""The operators' page in a real browser, on the real station, fed through the real bus and a real frame ring."""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

PIXELS = """image => {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height - 30).data;
  let [low, high, tint] = [255, 0, 0];
  for (let i = 0; i < data.length; i += 4) {
    low = Math.min(low, data[i + 1]);
    high = Math.max(high, data[i + 1]);
    tint = Math.max(tint, data[i] - data[i + 1]);
  }
  return {low, high, tint, width: canvas.width, height: canvas.height};
}"""
DEFECT = {"accepted": False, "score": 0.9, "defect": "stain", "seed": 4}


@pytest.fixture(autouse=True)
def _patience() -> None:
    expect.set_options(timeout=20_000)


def test_each_part_shows_its_verdict_its_picture_and_its_place_in_the_totals(
    write_line: Callable[..., Path], play: Any, start_overlay: Any, visit: Any
) -> None:
    line_file = write_line()
    player, overlay = play(line_file), start_overlay(line_file)
    seen = visit(overlay.url)
    page = seen.page
    expect(page.locator(".camera")).to_have_class("camera waiting")
    expect(page.locator(".status")).to_contain_text("INSPECTING")

    good = _show(page, player, seed=3, score=0.05)
    expect(page.locator(".score-text")).to_have_text("Score 0.050 < limit 0.420")
    expect(page.locator(".camera .picture img")).to_have_attribute("alt", f"Part {good}: ACCEPT, No defect found")

    bad = _show(page, player, **DEFECT)
    expect(page.locator(".score-text")).to_have_text("Score 0.900 ≥ limit 0.420")
    expect(page.locator(".camera .picture img")).to_have_attribute("alt", f"Part {bad}: REJECT, Defect found")
    marked = _pixels(page)
    assert (marked["width"], marked["height"]) == (640, 670)
    assert marked["high"] - marked["low"] > 100
    page.locator(".heat-switch").click()
    expect(page.locator(".camera .picture img")).to_have_attribute("src", re.compile(r"\.plain\.jpg$"))
    assert marked["tint"] > _pixels(page)["tint"] + 50

    rejected = player.rejected
    expect(page.locator(".count.rejected .number")).to_have_text(str(rejected))
    expect(page.locator(".place:visible")).to_have_count(rejected)
    expect(page.locator(".by-reason")).to_contain_text("Defect found")
    page.locator(".place").first.click()
    expect(page.locator(".large")).to_contain_text(bad)
    expect(page.locator(".large .picture img")).to_have_attribute("alt", re.compile(bad))

    assert seen.complaints == []
    assert {urlsplit(address).hostname for address in seen.requests if not address.startswith("data:")} == {"127.0.0.1"}


def test_a_part_without_its_own_picture_never_shows_anothers(
    write_line: Callable[..., Path], play: Any, start_overlay: Any, visit: Any
) -> None:
    line_file = write_line()
    player, page = play(line_file), visit(start_overlay(line_file).url).page
    _show(page, player)
    expect(page.locator(".camera .picture img")).to_be_visible()
    for fate in ({"torn": True, "reason": "torn_frame"}, {"slot": False, "reason": "no_frame"}):
        player.order(accepted=False, score=None, **fate)
        expect(page.locator(".camera .missing")).to_have_text("No picture of this part")
        expect(page.locator(".camera .picture img")).to_be_hidden()
        _show(page, player, seed=2)
        expect(page.locator(".camera .picture img")).to_be_visible()


def test_an_old_green_is_marked_when_the_line_dies(
    write_line: Callable[..., Path], play: Any, start_overlay: Any, visit: Any
) -> None:
    line_file = write_line()
    player, page = play(line_file), visit(start_overlay(line_file).url).page
    _show(page, player)
    player.kill()
    expect(page.locator(".camera")).to_have_class("camera stale")
    expect(page.locator(".headline")).to_have_text("NOT LIVE")
    expect(page.locator(".ribbon")).to_contain_text("NOT LIVE")
    expect(page.locator(".alarms")).to_contain_text("Decision is silent")
    expect(page.locator(".status")).to_contain_text("NOT INSPECTING")
    expect(page.locator(".station.silent")).to_have_count(4)

    player.start()
    expect(page.locator(".alarms")).to_be_hidden()
    _show(page, player)


def test_one_silent_camera_leaves_the_other_live(
    write_line: Callable[..., Path], play: Any, start_overlay: Any, visit: Any
) -> None:
    line_file = write_line("left", "right")
    player, page = play(line_file), visit(start_overlay(line_file).url).page
    expect(page.locator(".status")).to_contain_text("INSPECTING")
    player.order(mute=["capture.right"])
    expect(page.locator(".status")).to_contain_text("NEEDS ATTENTION")
    expect(page.locator(".station.silent")).to_contain_text("Camera right")
    _show(page, player, camera="left")
    expect(page.locator('[aria-label="Camera right"]')).to_have_class("camera waiting")


def test_a_page_whose_station_dies_says_so_and_comes_back_with_the_right_totals(
    write_line: Callable[..., Path], free_port: int, play: Any, start_overlay: Any, visit: Any
) -> None:
    line_file = write_line(port=free_port)
    player, overlay = play(line_file), start_overlay(line_file)
    assert overlay.url == f"http://127.0.0.1:{free_port}"
    page = visit(overlay.url).page
    _show(page, player)
    player.order(**DEFECT)
    overlay.end(signal.SIGKILL)
    expect(page.locator("body")).to_have_class(re.compile(r"\blost\b"))
    expect(page.locator(".lost-banner")).to_be_visible()
    expect(page.locator(".lost-banner")).to_contain_text("CONNECTION LOST")

    assert start_overlay(line_file).url == f"http://127.0.0.1:{free_port}"
    expect(page.locator(".lost-banner")).to_be_hidden()
    expect(page.locator(".count.rejected .number")).to_have_text("1")
    announced = int(player.order().removeprefix("top-"))
    expect(page.locator(".count.triggers .number")).to_have_text(str(announced))


def test_the_page_fits_a_phone(write_line: Callable[..., Path], play: Any, start_overlay: Any, visit: Any) -> None:
    line_file = write_line("left", "right")
    player, page = play(line_file), visit(start_overlay(line_file).url, 390, 844).page
    _show(page, player, camera="left", **DEFECT)
    expect(page.locator('[aria-label="Camera left"] .headline')).to_be_in_viewport()
    expect(page.locator('[aria-label="Camera left"] .picture')).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_browsers_that_left_are_forgotten(
    write_line: Callable[..., Path], play: Any, start_overlay: Any, visit: Any
) -> None:
    line_file = write_line()
    player, overlay = play(line_file), start_overlay(line_file)
    pages = [visit(overlay.url).page for _ in range(4)]
    for page in pages:
        expect(page.locator(".status")).to_contain_text("INSPECTING")
    assert _health(overlay.url)["pages_open"] == 4
    for page in pages[1:]:
        page.close()
    deadline_s = time.monotonic() + 30
    while _health(overlay.url)["pages_open"] > 1 and time.monotonic() < deadline_s:
        time.sleep(0.2)
    assert _health(overlay.url)["pages_open"] == 1
    _show(pages[0], player)


def test_monitors_read_the_condition_of_the_line(
    write_line: Callable[..., Path], play: Any, start_overlay: Any
) -> None:
    line_file = write_line()
    play(line_file)
    url = start_overlay(line_file).url
    answer = _health(url)
    assert answer["recipe"] == "disc"
    assert set(answer["stations"]) == {"Decision", "Inference", "Camera top", "Conveyor (simulated)"}
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{url}/picture/nothing.plain.jpg")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_station_ends_when_told_with_browsers_open(
    write_line: Callable[..., Path], play: Any, start_overlay: Any, visit: Any, number: int
) -> None:
    line_file = write_line()
    play(line_file)
    overlay = start_overlay(line_file)
    expect(visit(overlay.url).page.locator(".status")).to_contain_text("INSPECTING")
    assert overlay.end(number) == 0
    assert [text for text in overlay.lines if "Traceback" in text] == []


def test_a_port_in_use_is_one_line_and_exit_code_2(
    write_line: Callable[..., Path], free_port: int, start_overlay: Any, tmp_path: Path
) -> None:
    first = start_overlay(write_line(port=free_port))
    assert first.url
    other = tmp_path / "other"
    other.mkdir()
    (other / "line.yaml").write_text((tmp_path / "line.yaml").read_text())
    command = [sys.executable, "-m", "stations.overlay", str(other / "line.yaml")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    lines = ended.stderr.splitlines()
    assert len(lines) == 1
    assert f"overlay.port {free_port}: the port is in use" in lines[0]


def _show(page: Page, player: Any, **order: Any) -> str:
    """Sends such parts until one is shown live: the station may not have been subscribed yet, the machine be busy."""
    panel = page.locator(f'[aria-label="Camera {order.get("camera", "top")}"]')
    standing = "camera accept" if order.get("accepted", True) else "camera reject"
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        part = str(player.order(**order))
        for _ in range(30):
            if panel.get_attribute("class") == standing and panel.locator(".fact-value").first.inner_text() == part:
                return part
            page.wait_for_timeout(50)
    raise AssertionError(f"no part was shown: {panel.inner_text()}")


def _pixels(page: Page) -> dict[str, int]:
    image = page.locator(".camera .picture img")
    page.wait_for_function("document.querySelector('.camera .picture img').complete")
    return dict(image.evaluate(PIXELS))


def _health(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/health") as answer:
        return dict(json.load(answer))
