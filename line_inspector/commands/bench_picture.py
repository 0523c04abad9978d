"""A picture of where the time goes: for each number of cameras, the hops of a part one after another."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from line_inspector.bench.line_table import CameraRow
from line_inspector.training.chart import ticks

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 1000, 190, 60, 110, 60
BAR, GAP = 44, 26
INK, FAINT, MARK = "#1f2a33", "#8895a0", "#c2281d"
COLOURS = ("#7fa8c9", "#e0b25b", "#2f6fb0", "#8fbf8f", "#b9c4ce", "#c98fb5")


def write_picture(path: Path, rows: Sequence[CameraRow]) -> None:
    """Draws the medians stacked, and a mark at the 99th percentile of the whole. Rows without a rate are left out."""
    shown = [row for row in rows if row.latency]
    height = TOP + BOTTOM + max(1, len(shown)) * (BAR + GAP)
    image = Image.new("RGB", (WIDTH, height), "white")
    draw = ImageDraw.Draw(image)
    _write(draw, 20, 16, "From trigger to gate, medians of each hop, at the highest rate without a late part", 20)
    if not shown:
        _write(draw, 20, TOP, "At every rate that was tried, some parts were late.", 18)
    else:
        _draw_rows(draw, shown, height)
    image.save(path, format="PNG")


def _draw_rows(draw: ImageDraw.ImageDraw, rows: Sequence[CameraRow], height: int) -> None:
    longest_ms = max(max(row.latency.p99_ms if row.latency else 0, sum(row.hops_ms.values())) for row in rows)
    scale = (WIDTH - LEFT - RIGHT) / (1.05 * longest_ms)
    for number, name in enumerate(rows[0].hops_ms):
        left = 20 + 120 * number
        draw.rectangle((left, 60, left + 14, 74), fill=COLOURS[number % len(COLOURS)])
        _write(draw, left + 22, 57, name, 15)
    draw.line((760, 58, 760, 76), fill=MARK, width=3)
    _write(draw, 770, 57, "p99 of the whole", 15)
    for index, row in enumerate(rows):
        y = TOP + index * (BAR + GAP)
        plural = "s" if row.cameras > 1 else ""
        _write(draw, 20, y + 2, f"{row.cameras} camera{plural}", 17)
        _write(draw, 20, y + 24, f"{row.highest_rate_hz:.1f} parts/s", 14, FAINT)
        x = float(LEFT)
        for number, hop_ms in enumerate(row.hops_ms.values()):
            draw.rectangle((x, y, x + hop_ms * scale, y + BAR), fill=COLOURS[number % len(COLOURS)])
            x += hop_ms * scale
        if row.latency:
            at = LEFT + row.latency.p99_ms * scale
            draw.line((at, y - 6, at, y + BAR + 6), fill=MARK, width=3)
    bottom = height - BOTTOM
    draw.line((LEFT, bottom, WIDTH - RIGHT, bottom), fill=FAINT)
    for value in ticks(0, 1.05 * longest_ms):
        _write(draw, LEFT + value * scale - 8, bottom + 8, f"{value:g}", 15, FAINT)
    _write(draw, WIDTH - RIGHT + 8, bottom + 8, "ms", 15, FAINT)


def _write(draw: ImageDraw.ImageDraw, x: float, y: float, text: str, size_px: int, colour: str = INK) -> None:
    draw.text((x, y), text, fill=colour, font=ImageFont.load_default(size_px))
