"""Are the promises kept? Run by hand: `python tests/benchmarks/false_rejects.py MODEL_DIR GOOD_DIR`.

Good parts that the model was neither trained nor chosen on are split at random, again and again: one half sets the
limits, the other is judged by them. The mean over the splits is what is promised. Of GOOD_DIR, the folder that the
model was trained from, only the images that set its limit are used; of any other folder, with --unseen, all. Judged is
what the model looks at: its region of interest, in its tiles, and of an outline's area what lies where anomalies count.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from line_inspector.errors import InputError
from line_inspector.images import list_images
from line_inspector.inference.engine import FrameFault
from line_inspector.inference.heat import coarse_maps
from line_inspector.inference.load import load_verified_engine
from line_inspector.inference.manifest import Manifest
from line_inspector.inference.model_directory import read_manifest, read_tiling
from line_inspector.inference.tiling import Tiling
from line_inspector.training.calibrate import calibrate
from line_inspector.training.good_frames import GoodFrames, read_images
from line_inspector.training.promise import Promise, images_needed, promise_for
from line_inspector.training.selection import cells_that_count
from line_inspector.training.splits import different, split_good_images

RATES = (0.02, 0.05, 0.1, 0.2)


def main() -> None:
    """Print one row per promised rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model_dir", type=Path)
    parser.add_argument("good_dir", type=Path)
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--unseen", action="store_true", help="nothing in GOOD_DIR was trained on")
    arguments = parser.parse_args()
    manifest = read_manifest(arguments.model_dir)
    good = seen_by(read_tiling(arguments.model_dir), arguments.good_dir)
    if not arguments.unseen:
        good = good.part(held_out(good, manifest))
    heats = coarse_maps_of(arguments.model_dir, good, arguments.device)
    print(f"{len(heats)} good parts, {arguments.splits} splits: half set the limits, the others are judged by them\n")
    print("| promised | images that promise | rejected, mean ± standard error | most | outlined: promised | mean |")
    print("| --- | --- | --- | --- | --- | --- |")
    for rate in RATES:
        print(row(heats, rate, arguments.splits))


def seen_by(tiling: Tiling, good_dir: Path) -> GoodFrames:
    """The different images of the folder, as the model looks at them: by these pixels its training told them apart.

    `tiling` comes from the model: a foreground computed of other images would be another one.
    """
    paths = list_images(good_dir)
    good = GoodFrames(tuple(paths), read_images(paths, tiling.size_px, tiling.view), tiling)
    return good.part(different(good.pixels))


def held_out(good: GoodFrames, manifest: Manifest) -> list[int]:
    """Indices of the images that set the model's limit, found as its training found them."""
    options, images = manifest.lineage["options"], manifest.lineage["images"]
    if manifest.lineage["parent"] is not None or images != len(good):
        what = f"the model was not trained from these {len(good)} images alone"
        raise InputError(what, "GOOD_DIR", "Name the folder it was trained from, or another one with --unseen.")
    promise = promise_for(images, manifest.calibration["false_reject_rate"], options["outlined_share"])
    split = split_good_images(good.pixels, options["held_out_share"], options["choice_share"], promise.images)
    return split.calibration


def coarse_maps_of(model_dir: Path, good: GoodFrames, device: str) -> NDArray[np.float32]:
    """Through the engine that the line uses: (N, cells), of those cells by which limits are set."""
    engine = load_verified_engine(model_dir, device)
    view, cells = good.tiling.view, cells_that_count(good.tiling)
    maps = []
    for index in range(len(good)):
        (answer,) = engine.region_maps([view.cut(good.frame(index))])
        if isinstance(answer, FrameFault):
            raise InputError(answer.detail, str(good.paths[index]), "Remove it.")
        maps.append(coarse_maps(torch.from_numpy(answer)[None], view).flatten().numpy()[cells])
    return np.stack(maps)


def row(heats: NDArray[np.float32], rate: float, splits: int) -> str:
    """One line of the table."""
    calibrating = len(heats) // 2
    if images_needed(rate) > calibrating:
        return f"| {rate:.0%} | {calibrating}: too few, {images_needed(rate)} are needed | | | | |"
    rng = np.random.default_rng(0)
    rejected, outlined, share = [], [], 0.0
    for _ in range(splits):
        order = rng.permutation(len(heats))
        known, new = heats[order[:calibrating]], heats[order[calibrating:]]
        scale, calibration = calibrate(known, known[:0], Promise(rate, None, calibrating))
        mapped = scale.apply(torch.from_numpy(new)).numpy()
        rejected.append(float((mapped.max(axis=1) >= calibration.threshold).mean()))
        outlined.append(float((mapped >= calibration.pixel_threshold).mean()))
        share = calibration.outlined_share
    return (
        f"| {rate:.0%} | {calibrating} | {np.mean(rejected):.2%} ± {np.std(rejected) / splits**0.5:.2%} "
        f"| {max(rejected):.1%} | {share:.2%} | {np.mean(outlined):.2%} |"
    )


if __name__ == "__main__":
    main()
