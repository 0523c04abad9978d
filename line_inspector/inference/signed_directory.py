"""A folder on disk whose every byte is hashed: written whole or not at all, read only as it was written.

DIR/
  ...              the payload
  manifest.json    what it is, and the sha256 of each file of the payload
  manifest.sha256  the manifest's own sha256, in the format of sha256sum
"""

import hashlib
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from line_inspector.errors import InputError

MANIFEST = "manifest.json"
MANIFEST_HASH = "manifest.sha256"


def refuse_existing(path: Path) -> None:
    """Raise InputError where `path` exists: such a folder is written once and never changed."""
    if os.path.lexists(path):
        raise InputError("exists already", str(path), "Name a new folder, or remove this one first.")


def partial_of(path: Path) -> Path:
    """The hidden folder beside `path` in which this process writes until all is there."""
    return path.parent / f".{path.name}.{os.getpid()}.partial"


@contextmanager
def whole_or_not_at_all(path: Path) -> Iterator[Path]:
    """An empty folder to write into, which becomes `path` when the block ends, and is gone when the block raises.

    Raises InputError where `path` exists, and for a disk that cannot be written.
    """
    refuse_existing(path)
    partial = partial_of(path)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        yield partial
        partial.rename(path)
        sync(path.parent)
    except OSError as e:
        raise InputError(f"cannot be written ({e.strerror})", str(path), "Free space, or name another folder.") from e
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_manifest(folder: Path, text: bytes) -> None:
    """Write manifest.json and its signature."""
    write_file(folder / MANIFEST, text)
    write_file(folder / MANIFEST_HASH, _signature(text))


def write_file(path: Path, content: bytes) -> None:
    """Write a new file and bring it to the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sha256(content: bytes) -> str:
    """In hexadecimal, as manifests hold it."""
    return hashlib.sha256(content).hexdigest()


def sync(path: Path) -> None:
    """Bring a file or folder to the disk, so that it outlasts a power failure."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class SignedDirectory:
    """One such folder, to be read; every method raises InputError, naming the file and ending with `remedy`."""

    path: Path
    noun: str
    remedy: str

    def manifest_text(self) -> bytes:
        """The bytes of manifest.json, if they are those that were signed."""
        if not self.path.is_dir():
            raise InputError(f"no such {self.noun}", str(self.path), "Check the path.")
        text = self.read(MANIFEST)
        if self.read(MANIFEST_HASH) != _signature(text):
            where = str(self.path / MANIFEST)
            raise InputError(f"does not match {MANIFEST_HASH}: it was changed", where, self.remedy)
        return text

    def verify(self, files: Mapping[str, str], keep: Collection[str]) -> dict[str, bytes]:
        """Compare every file with its sha256 in `files`; no other may be there, and those of `keep` must be.

        Returns the bytes of the files in `keep`, so that what is used is what was verified.
        """
        present = {
            p.relative_to(self.path).as_posix() for p in self.path.rglob("*") if p.is_symlink() or not p.is_dir()
        }
        unknown = present - files.keys() - {MANIFEST, MANIFEST_HASH}
        if unknown:
            where = str(self.path / min(unknown))
            raise InputError("a file that the manifest does not name", where, "Move it elsewhere.")
        for relative in keep:
            if relative not in files:
                raise InputError(f"it does not name {relative}", str(self.path / MANIFEST), self.remedy)
        kept = {}
        for relative, expected in files.items():
            if relative not in present:
                where = str(self.path / relative)
                raise InputError("missing, though the manifest names it", where, self.remedy)
            content = self.read(relative)
            if sha256(content) != expected:
                where = str(self.path / relative)
                raise InputError("does not match its sha256: changed or truncated", where, self.remedy)
            if relative in keep:
                kept[relative] = content
        return kept

    def read(self, relative: str) -> bytes:
        """The bytes of one file."""
        try:
            return (self.path / relative).read_bytes()
        except OSError as e:
            raise InputError(f"cannot be read ({e.strerror})", str(self.path / relative), self.remedy) from e


def _signature(manifest_text: bytes) -> bytes:
    return f"{sha256(manifest_text)}  {MANIFEST}\n".encode()
