"""A line's OpenVINO exports: made when a model is published, proven at every load, never made while a line starts.

Making one takes a quarter of a minute and much memory, so a child process does it: `line-inspector export`. Whoever
makes one holds its lock, and so does the child after its parent has died. Those of models that nobody is likely to
serve again are removed.
"""

import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from line_inspector.errors import InputError
from line_inspector.extras import import_extra
from line_inspector.file_lock import held_lock
from line_inspector.inference.export_directory import read_export
from line_inspector.inference.manifest import Manifest
from line_inspector.inference.model_directory import read_manifest
from line_inspector.inference.parity import TOLERANCE
from line_inspector.inference.torch_engine import Forward

LOCK = ".lock"
LONGEST_EXPORT_S = 1800.0  # it takes a quarter of a minute, and at idle priority on a busy machine some minutes
EXPORT_AGAIN = "Make it: line-inspector models export LINE.yaml"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExportCache:
    """The exports of one recipe in `folder`, by version.

    `required` says that the line runs on nothing else; otherwise a model without an export runs on torch.
    """

    folder: Path
    required: bool

    def make(self, model_dir: Path, version: str) -> None:
        """Export `model_dir` unless its sound export is here already.

        Where that fails, raises InputError if an export is required, and else says so in the log.
        """
        try:
            _make(model_dir, self.folder / version)
        except InputError as e:
            if self.required:
                raise
            log.warning("model %s will run on torch instead of OpenVINO: %s", version, e)

    def prune(self, keep: Collection[str]) -> None:
        """Remove the exports of all models but those that `keep` names. One that somebody makes stays.

        What cannot be removed is named in the log. Loaded models are in memory, and need their export no more.
        """
        folders = {path for path in self.folder.glob("[!.]*") if path.is_dir()}
        locks = {self.folder / path.name[1 : -len(LOCK)] for path in self.folder.glob(f".*{LOCK}")}
        for export in folders | locks:
            if export.name not in keep:
                _remove(export)


def read_cached_forward(export: Path, manifest: Manifest, threads: int) -> Forward:
    """The way forward of the model of `manifest`, from its export in the folder `export`.

    Raises InputError where OpenVINO is not installed, and where the export is missing, changed, or of another model.
    """
    import_extra("openvino", "openvino")
    try:
        if not export.exists():
            raise InputError("the model has no export", str(export), EXPORT_AGAIN)
        forward, written = read_export(export, threads)
    except OSError as e:
        raise InputError(f"cannot be read ({e.strerror or e})", str(export), "Check its owner and rights.") from e
    if written.model != manifest:
        raise InputError("is the export of another model", str(export), EXPORT_AGAIN)
    if not written.parity.within(TOLERANCE):
        raise InputError(f"does not answer as torch does: {written.parity.sentence()}", str(export), EXPORT_AGAIN)
    return forward


def _make(model_dir: Path, export: Path) -> None:
    import_extra("openvino", "openvino")
    try:
        export.parent.mkdir(parents=True, exist_ok=True)
        with held_lock(_lock_of(export)) as lock:
            if export.exists():
                try:
                    read_cached_forward(export, read_manifest(model_dir), threads=1)
                    return
                except InputError as e:
                    log.warning("%s It is made again.", e)
                    shutil.rmtree(export)
            _remove_cut_short(export)
            _export_in_child(model_dir, export, lock)
    except OSError as e:
        raise InputError(f"cannot be written ({e.strerror})", str(export), "Check data_dir and the disk.") from e


def _remove(export: Path) -> None:
    try:
        with held_lock(_lock_of(export), wait=False):
            _remove_cut_short(export)
            if export.exists():
                shutil.rmtree(export)
            _lock_of(export).unlink()
    except BlockingIOError:
        return
    except OSError as e:
        log.warning("%s: the old export cannot be removed (%s)", export, e.strerror)


def _lock_of(export: Path) -> Path:
    return export.parent / f".{export.name}{LOCK}"


def _remove_cut_short(export: Path) -> None:
    """Remove what a process that was killed has left of this export."""
    left_over = re.compile(rf"\.{re.escape(export.name)}\.\d+\.partial")
    for path in export.parent.iterdir():
        if left_over.fullmatch(path.name):
            shutil.rmtree(path)


def _export_in_child(model_dir: Path, export: Path, lock: int) -> None:
    command = [sys.executable, "-m", "line_inspector", "export", str(model_dir), "--format", "openvino"]
    log.info("model %s is being exported to OpenVINO", export.name)
    try:
        done = subprocess.run(
            [*command, "--out", str(export)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            pass_fds=[lock],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            timeout=LONGEST_EXPORT_S,
        )
    except subprocess.TimeoutExpired as e:
        what = f"no OpenVINO export within {LONGEST_EXPORT_S / 60:g} minutes"
        raise InputError(what, str(model_dir), "Set inference.engine to torch.") from e
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"]
        what = f"no OpenVINO export: {said[-1].removeprefix('error: ')}"
        raise InputError(what, str(model_dir), "Set inference.engine to torch.")
