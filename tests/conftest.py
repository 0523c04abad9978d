"""What tests of several rooms share: a model small enough to build in every test, frames, and its directory."""

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from postgresql_cluster import Cluster, binaries

Frame = NDArray[np.uint8]
SKIP_NOTHING = "LINE_INSPECTOR_SKIP_NOTHING"  # set by .ci/run: there, whatever a test needs must be there
EXCUSES = ("GPU", "CUDA")  # but for these, of which a machine has one or none


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where nothing may be skipped, a skipped test has failed."""
    report = yield
    if report.skipped and SKIP_NOTHING in os.environ and not hasattr(report, "wasxfail"):
        why = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not any(excuse in why for excuse in EXCUSES):
            report.outcome, report.longrepr = "failed", f"must not be skipped here: {why}"
    return report


@pytest.fixture(scope="session")
def draw_frame() -> Callable[..., Frame]:
    """Draw a grey frame with soft texture, always the same for one seed."""
    import cv2

    def draw(seed: int = 0, height_px: int = 80, width_px: int = 96) -> Frame:
        noise = np.random.default_rng(seed).normal(128, 40, (height_px, width_px)).astype(np.float32)
        return np.asarray(cv2.GaussianBlur(noise, (0, 0), 2.0).clip(0, 255), dtype=np.uint8)

    return draw


@pytest.fixture(scope="session")
def build_tiny_model() -> Callable[..., object]:
    """Build an ADPS of 64 px with random weights, and batch norms that are not the identity."""
    import torch
    from torch import nn

    from line_inspector.model.adps import ADPS
    from line_inspector.model.architecture import Architecture

    def build(seed: int = 0) -> ADPS:
        torch.manual_seed(seed)
        model = ADPS(Architecture(image_size_px=64, patches_per_side=2, sigma_px=1.0))
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.running_mean, -0.3, 0.3)
                nn.init.uniform_(module.running_var, 0.5, 1.5)
                nn.init.uniform_(module.weight, 0.7, 1.3)
                nn.init.uniform_(module.bias, -0.3, 0.3)
        return model.eval()

    return build


@pytest.fixture(scope="session")
def write_tiny_model(build_tiny_model: Callable[..., object], draw_frame: Callable[..., Frame]) -> Callable[..., Path]:
    """Write a tiny model directory and return its path."""
    from line_inspector.inference.model_directory import write_model_directory

    def write(path: Path, *, version: str | None = None, seed: int = 0, parent: str | None = None, **more: Any) -> Path:
        write_model_directory(
            path,
            build_tiny_model(seed),
            threshold=0.5,
            golden_frames=[draw_frame(1), np.dstack([draw_frame(2), draw_frame(3), draw_frame(4)])],
            version=version,
            calibration={"images": 2},
            lineage={"parent": parent, "seed": seed},
            metrics={},
            **more,
        )
        return path

    return write


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """A PostgreSQL server that runs; who stops it starts it again."""
    programs = binaries()
    if programs is None:
        pytest.skip("no PostgreSQL server is installed; on Debian or Ubuntu: apt-get install postgresql")
    cluster = Cluster(programs)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The place of a ledger that is still to be made, on either kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'data' / 'ledger.sqlite'}"
    cluster: Cluster = request.getfixturevalue("postgresql")
    return cluster.new_database()


@pytest.fixture
def good_dir(tmp_path: Path, draw_frame: Callable[..., Frame]) -> Path:
    """A folder of twelve good images."""
    from pictures import save_picture

    for index in range(12):
        save_picture(tmp_path / "good" / f"{index:02d}.png", draw_frame(index))
    return tmp_path / "good"
