"""A histogram of latencies, as text and as a PNG, with the bar they are held to."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from line_inspector.training.chart import ticks

BINS = 40
TEXT_BINS = 20
TEXT_WIDTH = 50
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 1000, 460, 70, 30, 80, 70
INK, FAINT, MARK = "#1f2a33", "#8895a0", "#c2281d"
COLOURS = ("#2f6fb0", "#b9c4ce")


def text_histogram(taken_ms: Sequence[float], bar_ms: float) -> str:
    """Bins up to one and a half times the bar, and one for all beyond."""
    edges = np.linspace(0, 1.5 * bar_ms, TEXT_BINS + 1)
    counts, _ = np.histogram(taken_ms, edges)
    rows = [
        (f"{low:6.2f} to {high:5.2f} ms", count) for low, high, count in zip(edges, edges[1:], counts, strict=False)
    ]
    rows.append((f"{'more':>18}", sum(taken > edges[-1] for taken in taken_ms)))
    most = max(count for _, count in rows) or 1
    return "\n".join(f"{name} {count:7d} {'#' * -(-count * TEXT_WIDTH // most)}" for name, count in rows)


def write_histogram(path: Path, title: str, groups: Mapping[str, Sequence[float]], bar_ms: float) -> None:
    """Writes a PNG: the share of each group's values in each bin; what lies beyond the axis is said in the legend."""
    image = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(image)
    edges = np.linspace(0, 1.5 * bar_ms, BINS + 1)
    shares = {name: np.histogram(values, edges)[0] / len(values) for name, values in groups.items()}
    highest = max(float(share.max()) for share in shares.values()) or 1.0
    bottom = HEIGHT - BOTTOM
    step = (WIDTH - LEFT - RIGHT) / BINS
    _write(draw, LEFT, 16, title, 20)
    for number, (name, share) in reversed(list(enumerate(shares.items()))):
        colour, beyond = COLOURS[number % len(COLOURS)], float(np.mean(np.asarray(groups[name]) > edges[-1]))
        _write(draw, LEFT + 24 + 420 * number, 48, f"{name}; {beyond:.2%} beyond {edges[-1]:g} ms", 16)
        draw.rectangle((LEFT + 420 * number, 52, LEFT + 14 + 420 * number, 66), fill=colour)
        for index, value in enumerate(share):
            inset = 1 + 4 * number
            left, right = LEFT + index * step + inset, LEFT + (index + 1) * step - inset
            if value:
                draw.rectangle((left, bottom - value / highest * (bottom - TOP), right, bottom), fill=colour)
    draw.line((LEFT, bottom, WIDTH - RIGHT, bottom), fill=FAINT)
    for value in ticks(0, float(edges[-1])):
        _write(draw, LEFT + value / edges[-1] * (WIDTH - LEFT - RIGHT) - 8, bottom + 8, f"{value:g}", 15, FAINT)
    at = LEFT + bar_ms / edges[-1] * (WIDTH - LEFT - RIGHT)
    draw.line((at, TOP, at, bottom), fill=MARK, width=2)
    _write(draw, at + 6, TOP, f"bar for p99: {bar_ms:g} ms", 15, MARK)
    _write(draw, WIDTH / 2 - 20, HEIGHT - 32, "ms", 15)
    _write(draw, 8, TOP - 8, f"{highest:.0%}", 15, FAINT)
    image.save(path, format="PNG")


def _write(draw: ImageDraw.ImageDraw, x: float, y: float, text: str, size_px: int, colour: str = INK) -> None:
    draw.text((x, y), text, fill=colour, font=ImageFont.load_default(size_px))
