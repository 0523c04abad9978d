"""From a fitted model to its directory: calibrate, report, write."""

from dataclasses import replace
from pathlib import Path

import torch

from line_inspector.inference.manifest import Manifest
from line_inspector.inference.model_directory import write_model_directory
from line_inspector.inference.scale import ScoreScale
from line_inspector.model.adps import ADPS
from line_inspector.training.calibrate import calibrate
from line_inspector.training.fit import Fitted
from line_inspector.training.lineage import Lineage
from line_inspector.training.material import Material
from line_inspector.training.outcome import Outcome, maps_of
from line_inspector.training.report import report_page
from line_inspector.training.selection import image_heats

REPORTED_SAMPLES = 30  # about half of them are forged


def finish(
    out: Path, model: ADPS, material: Material, fitted: Fitted, lineage: Lineage, version: str | None
) -> Manifest:
    """Write the model directory `out` and return its manifest. `version` as write_model_directory's.

    Raises InputError where the model is useless, and where it cannot be written.
    """
    tiling = material.good.tiling
    heats = image_heats(model, material.held_out, tiling)
    scale, calibration = calibrate(heats, image_heats(model, material.handed_on, tiling), material.promise)
    outcome = Outcome(
        name=version or out.name,
        fitted=fitted,
        calibration=calibration,
        split=material.split,
        remark=material.promise.remark,
        good_scores=scale.apply(torch.from_numpy(heats.max(axis=1))).tolist(),
        choice_set=material.choice_set,
        maps=scale.apply(maps_of(model, material.choice_set.images)).numpy(),
        samples=replace(material.sampler, batch_size=REPORTED_SAMPLES, part=slice(None)).batch(0),
        lineage=lineage,
        images_learned_from=len(material.tiles),
    )
    return _write(out, model, material, scale, outcome, version)


def _write(
    out: Path, model: ADPS, material: Material, scale: ScoreScale, outcome: Outcome, version: str | None
) -> Manifest:
    mark = outcome.fitted.mark
    return write_model_directory(
        out,
        model,
        threshold=outcome.calibration.threshold,
        pixel_threshold=outcome.calibration.pixel_threshold,
        scale=scale,
        golden_frames=material.golden_frames,
        calibration_frames=list(material.to_hand_on),
        version=version,
        calibration=outcome.calibration.as_record(),
        lineage=outcome.lineage,
        metrics={"forged_image_auroc": mark.image_auroc, "forged_pixel_ap": mark.pixel_ap},
        report=report_page(outcome),
        tiling=material.good.tiling,
    )
