"""The pictures of a training report, as data URIs: forged samples, and the model's answers on forged images."""

import base64
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from line_inspector.training.outcome import Outcome
from line_inspector.training.sheet import MASK_COLOUR, OUTLINE_COLOUR, Picture, heat_picture, outlined

TILE_PX = 168
GAP_PX = 4
SAMPLES = 12
HARDEST, EASIEST, GOOD = 6, 2, 2
JPEG_QUALITY = 85  # as PNG these pictures would take five times as much, in every model directory


def forged_samples(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Some forged images as they were learned from, each with the outline of its mask beside the plain picture."""
    forged = np.flatnonzero(outcome.samples.masks.flatten(1).any(dim=1).numpy())[:SAMPLES]
    for index in forged:
        picture, mask = _tile(outcome.samples.images[index]), _mask_tile(outcome.samples.masks[index])
        share = float(outcome.samples.masks[index].mean())
        yield _uri([picture, outlined(picture, mask, MASK_COLOUR)]), f"{share:.1%} of the picture forged"


def answers(outcome: Outcome) -> Iterator[tuple[str, str]]:
    """Picture, map and what the page would outline; hardest forgeries, easiest ones, then good parts."""
    threshold = outcome.calibration.threshold
    for index in _chosen(outcome):
        picture, mask = _tile(outcome.choice_set.images[index]), _mask_tile(outcome.choice_set.masks[index])
        heat = np.asarray(cv2.resize(outcome.maps[index], (TILE_PX, TILE_PX)), dtype=np.float32)
        above = outlined(picture, heat >= outcome.calibration.pixel_threshold, OUTLINE_COLOUR)
        row = [outlined(picture, mask, MASK_COLOUR), heat_picture(picture, heat), above]
        score, forged = float(outcome.scores[index]), bool(outcome.is_forged[index])
        verdict = "rejected" if score >= threshold else "accepted"
        right = forged == (score >= threshold)
        kind = "forged defect" if forged else "good part"
        yield _uri(row), f"{kind}, score {score:.3f}: {verdict}{'' if right else ' (wrong)'}"


def _chosen(outcome: Outcome) -> list[int]:
    order = np.argsort(outcome.scores, kind="stable")
    forged = [int(index) for index in order if outcome.is_forged[index]]
    good = [int(index) for index in order if not outcome.is_forged[index]]
    return [*dict.fromkeys([*forged[:HARDEST], *forged[-EASIEST:]]), *good[::-1][:GOOD]]


def _tile(image: Tensor) -> Picture:
    """uint8 RGB (3, S, S) -> BGR (TILE_PX, TILE_PX, 3)."""
    bgr = np.ascontiguousarray(image.permute(1, 2, 0).numpy()[:, :, ::-1])
    return np.asarray(cv2.resize(bgr, (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _mask_tile(mask: Tensor) -> NDArray[np.bool_]:
    """(1, S, S) -> (TILE_PX, TILE_PX); a mask of a single pixel stays one."""
    resized = cv2.resize(mask[0].numpy(), (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(resized > 0.0)


def _uri(tiles: list[Picture]) -> str:
    gap = np.full((TILE_PX, GAP_PX, 3), 255, np.uint8)
    row = np.hstack([part for tile in tiles for part in (tile, gap)][:-1])
    encoded = cv2.imencode(".jpg", row, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
    return f"data:image/jpeg;base64,{base64.b64encode(encoded).decode()}"
