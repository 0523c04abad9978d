"""The worker's own exports: of each model that comes into service, made once, and proven on every load.

Making one takes a quarter of a minute of Python, which in the worker's own process would hold up inference at every
switch of threads. So a child process makes it: `line-inspector export`, with this thread's priority. Who makes one
holds its lock, and so does the child after its worker has died; the other copy of the worker waits, and then reads.
Those of models that nobody is likely to serve again are removed.
"""

import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from line_inspector.errors import InputError
from line_inspector.extras import import_extra
from line_inspector.file_lock import held_lock
from line_inspector.inference.export_directory import read_export
from line_inspector.inference.manifest import Manifest
from line_inspector.inference.torch_engine import Forward

LOCK = ".lock"

log = logging.getLogger(__name__)


def cached_openvino_forward(model_dir: Path, manifest: Manifest, cache: Path, threads: int) -> Forward:
    """The way forward of the export of `model_dir` in the folder `cache`, which is made there if it is not yet.

    An export that was changed, or is of another model of that name, is made again. Raises InputError where that fails.
    """
    import_extra("openvino", "openvino")
    export = cache / model_dir.name
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with held_lock(_lock_of(export)) as lock:
            if export.exists():
                try:
                    return _read(export, manifest, threads)
                except InputError as e:
                    log.warning("%s It is made again.", e)
                    shutil.rmtree(export)
            _remove_cut_short(export)
            _export_in_child(model_dir, export, lock)
            return _read(export, manifest, threads)
    except OSError as e:
        raise InputError(f"cannot be written ({e.strerror})", str(cache), "Check data_dir and the disk.") from e


def prune_exports(cache: Path, keep: Collection[str]) -> None:
    """Remove the exports in `cache` of all models but those that `keep` names. One that somebody reads or makes stays.

    What cannot be removed is named in the log. Loaded models are in memory, and need their export no more.
    """
    folders = {path for path in cache.glob("[!.]*") if path.is_dir()}
    locks = {cache / path.name[1 : -len(LOCK)] for path in cache.glob(f".*{LOCK}")}
    for export in folders | locks:
        if export.name not in keep:
            try:
                with held_lock(_lock_of(export), wait=False):
                    _remove_cut_short(export)
                    if export.exists():
                        shutil.rmtree(export)
                    _lock_of(export).unlink()
            except BlockingIOError:
                continue
            except OSError as e:
                log.warning("%s: the old export cannot be removed (%s)", export, e.strerror)


def _lock_of(export: Path) -> Path:
    return export.parent / f".{export.name}{LOCK}"


def _remove_cut_short(export: Path) -> None:
    """Remove what a worker that was killed has left of this export."""
    left_over = re.compile(rf"\.{re.escape(export.name)}\.\d+\.partial")
    for path in export.parent.iterdir():
        if left_over.fullmatch(path.name):
            shutil.rmtree(path)


def _read(export: Path, manifest: Manifest, threads: int) -> Forward:
    forward, written = read_export(export, threads)
    if written.model != manifest:
        raise InputError("is the export of another model", str(export), "Remove it.")
    return forward


def _export_in_child(model_dir: Path, export: Path, lock: int) -> None:
    command = [sys.executable, "-m", "line_inspector", "export", str(model_dir), "--format", "openvino"]
    log.info("model %s is being exported to OpenVINO", model_dir.name)
    done = subprocess.run(
        [*command, "--out", str(export)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        pass_fds=[lock],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"]
        what = f"no OpenVINO export: {said[-1].removeprefix('error: ')}"
        raise InputError(what, str(model_dir), "Set inference.engine to torch.")
