"""The line that is hurt, and what must be left of it."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml
from chaos_run import DEMO

from line_inspector.ring import PREFIX, SHM


@pytest.fixture
def line_file(tmp_path: Path) -> Path:
    """A copy of the demo's line, whose data_dir does not exist; its name is no other test's."""
    path = tmp_path / "config" / "demo.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(yaml.safe_load(DEMO.read_text()) | {"line": f"demo-{os.getpid()}"}))
    return path


@pytest.fixture
def leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process, no frame ring, no folder, and nothing in the real line's data_dir."""
    scratch = Path(tempfile.mkdtemp(dir="/tmp"))  # short enough for sockets
    monkeypatch.setenv("TMPDIR", str(scratch))
    yield
    assert not list(SHM.glob(f"{PREFIX}.demo-{os.getpid()}-*"))
    assert list(scratch.glob("line-inspector*")) == []
    lines = (" ".join(found.info["cmdline"] or []) for found in psutil.process_iter(["cmdline"]))
    assert not [line for line in lines if str(scratch) in line]
    shutil.rmtree(scratch)
    assert not (tmp_path / "run").exists()
