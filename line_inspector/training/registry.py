"""The model registry: models/<recipe>/<version>/ and the link `current`, which only ever moves by an atomic rename.

models/<recipe>/
  20260101T020000Z/   a model directory (inference/model_directory.py), never changed once it is here
  current             a relative symbolic link to the version in service; the inference station follows it
  history.jsonl       one line per change of `current` (model_history.py)
  .lock               held while something changes
"""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from line_inspector.errors import InputError
from line_inspector.file_lock import held_lock
from line_inspector.inference.choice import PUBLISH_ONE
from line_inspector.inference.export_cache import ExportCache
from line_inspector.inference.load import load_verified_engine
from line_inspector.inference.model_directory import read_manifest, read_model_directory
from line_inspector.inference.signed_directory import sync
from line_inspector.training.model_history import Action, ModelHistory

CURRENT = "current"
LOCK = ".lock"
INCOMING = ".incoming-"
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Entry:
    """One version in the registry. `fault` says why its manifest cannot be read; the other fields are then empty."""

    version: str
    in_service: bool
    created_utc: str = ""
    threshold: float | None = None
    parent: str | None = None
    fault: str | None = None


def list_recipes(root: Path) -> list[str]:
    """Name the recipes under `root`. Raises InputError where there is no such folder."""
    if not root.is_dir():
        raise InputError("no such model registry", str(root), "Check the path.")
    return sorted(p.name for p in root.iterdir() if p.is_dir() and NAME.fullmatch(p.name))


def _unnoted(_action: str, _old: str | None, _new: str) -> None:
    """For a registry that belongs to no line, and so to no audit table."""


class Registry:
    """The models of one recipe. Several processes may use it at once: changes take turns, readers never wait.

    `on_switch` hears of every change of `current` before it is made: publish or rollback, version before and after.
    `exports` gets the OpenVINO export of every model before it comes into service, where the line is to run on it.
    """

    def __init__(
        self,
        root: Path,
        recipe: str,
        on_switch: Callable[[str, str | None, str], None] = _unnoted,
        exports: ExportCache | None = None,
    ) -> None:
        self._on_switch = on_switch
        self._exports = exports
        if not NAME.fullmatch(recipe):
            raise InputError(f"not a name for a recipe: {recipe!r}", str(root), "Use letters, digits, - and _.")
        self.folder = root / recipe
        self._history = ModelHistory(self.folder)

    @property
    def current(self) -> Path:
        """The link to the model in service; what the inference station watches."""
        return self.folder / CURRENT

    def in_service(self) -> str | None:
        """Name the version in service, None before the first."""
        try:
            return self.current.readlink().name
        except OSError:
            return None

    def at_hand(self) -> set[str]:
        """Name the version in service, and the one that a rollback would bring back."""
        return set(self._history.stack(self.in_service())[-2:])

    def entries(self) -> list[Entry]:
        """List the versions, oldest first."""
        if not self.folder.is_dir():
            raise self._nothing_published()
        found = [p for p in self.folder.iterdir() if p.is_dir() and not p.is_symlink() and NAME.fullmatch(p.name)]
        return sorted((self._entry(p) for p in found), key=lambda entry: (entry.created_utc, entry.version))

    def publish(self, model_dir: Path) -> str:
        """Check a model directory, copy it in, prove the copy as a worker will, and put it into service; its version.

        Raises InputError where it cannot be trusted or its version is here already; nothing has changed then.
        """
        _, manifest = read_model_directory(model_dir)
        version = manifest.version
        if not NAME.fullmatch(version) or version == CURRENT:
            raise InputError(f"its version is not a name for a folder: {version!r}", str(model_dir), "Train it again.")
        self._require_new(version)
        if not self._export_required:  # made beforehand, so that nobody's rollback has to wait for it
            self._export(model_dir, version)
        with self._changing(create=True):
            self._require_new(version)
            incoming = self.folder / f"{INCOMING}{version}"
            try:
                shutil.copytree(model_dir, incoming)
                load_verified_engine(incoming, "cpu")  # or every part is rejected from a worker's next start on
                for copied in [*incoming.rglob("*"), incoming]:
                    sync(copied)
                if self._export_required:
                    self._export(incoming, version)
                incoming.rename(self.folder / version)
            finally:
                shutil.rmtree(incoming, ignore_errors=True)
            self._switch(version, "publish")
        return version

    def rollback(self, to: str | None = None) -> str:
        """Put an earlier version back into service and return it: `to`, or the one that was in service before.

        Raises InputError where there is none, or where it cannot be trusted any more; nothing has changed then.
        """
        with self._changing():
            version = self._before_current() if to is None else to
            folder = self.folder / version
            if not NAME.fullmatch(version) or folder.is_symlink() or not folder.is_dir():
                raise InputError(f"no version {version}", str(self.folder), "List the models to see what is there.")
            load_verified_engine(folder, "cpu")
            if self._export_required:
                self._export(folder, version)
            self._switch(version, "rollback")
        if not self._export_required:  # usually there still; else the worker runs on torch at once
            self._export(folder, version)
        return version

    def export(self) -> str:
        """Make the export of the model in service, if it is not there yet; returns its version.

        Raises InputError where no model is in service, or no export can be made.
        """
        with self._changing():
            version = self.in_service()
            if version is None:
                raise InputError("no model is in service", str(self.folder), PUBLISH_ONE)
            self._export(self.folder / version, version)
        return version

    @property
    def _export_required(self) -> bool:
        return self._exports is not None and self._exports.required

    def _require_new(self, version: str) -> None:
        if (self.folder / version).exists():
            raise InputError(f"version {version} is here already", str(self.folder), "Publish another model.")

    def _export(self, model_dir: Path, version: str) -> None:
        if self._exports is not None:
            self._exports.make(model_dir, version)

    def _entry(self, folder: Path) -> Entry:
        in_service = folder.name == self.in_service()
        try:
            manifest = read_manifest(folder)
        except InputError as e:
            return Entry(folder.name, in_service, fault=str(e))
        parent = manifest.lineage.get("parent")
        return Entry(folder.name, in_service, manifest.created_utc, manifest.threshold, parent and str(parent))

    def _before_current(self) -> str:
        stack = self._history.stack(self.in_service())
        if len(stack) < 2:
            others = [entry.version for entry in self.entries() if not entry.in_service]
            remedy = (
                f"Name one with --to: {', '.join(others)}." if others else "There is no other version: publish one."
            )
            raise InputError("no earlier version to roll back to", str(self.folder), remedy)
        return stack[-2]

    def _nothing_published(self) -> InputError:
        return InputError("no models of this recipe", str(self.folder), f"{PUBLISH_ONE}, or check the recipe's name.")

    def _switch(self, version: str, action: Action) -> None:
        """Note the change, then make it. `current` is the truth: a note without its change is ignored later."""
        self._history.note(version, action)
        self._on_switch(action, self.in_service(), version)
        link = self.folder / f"{INCOMING}{CURRENT}"
        link.unlink(missing_ok=True)
        link.symlink_to(version)
        link.replace(self.current)
        sync(self.folder)
        if self._exports is not None:
            self._exports.prune(self.at_hand())

    @contextmanager
    def _changing(self, *, create: bool = False) -> Iterator[None]:
        """Hold the lock, remove what a killed process left, and turn a full or read-only disk into one line."""
        try:
            if create:
                self.folder.mkdir(parents=True, exist_ok=True)
            elif not self.folder.is_dir():
                raise self._nothing_published()
            with held_lock(self.folder / LOCK):
                for left in self.folder.glob(f"{INCOMING}*"):
                    shutil.rmtree(left, ignore_errors=True)
                yield
        except OSError as e:
            raise InputError(
                f"cannot be changed ({e.strerror or e})", str(self.folder), "Check space and rights."
            ) from e
