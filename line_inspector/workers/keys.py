"""CURVE keys as files: `NAME.key` for everybody who may know it, `NAME.key_secret` for its owner alone.

The format is that of pyzmq's own certificates, so other ZeroMQ programs can read them. A folder of keys holds the pair
`line` and one pair for each worker; docs/remote.md says which file belongs on which host.
"""

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import zmq
import zmq.auth

from line_inspector.errors import InputError
from line_inspector.file_lock import held_lock

PUBLIC, SECRET = ".key", ".key_secret"
KEY_LENGTH = 40  # Z85 of 32 bytes
LOCK = ".keys.lock"
REMEDY = "Make keys with `line-inspector keys new DIR --worker NAME`"


@dataclass(frozen=True)
class KeyPair:
    """Both halves, in Z85."""

    public: bytes
    secret: bytes


@contextlib.contextmanager
def only_writer(folder: Path) -> Iterator[None]:
    """Makes the folder, if need be, and keeps every other program that makes keys out of it meanwhile.

    Raises InputError where one is at work already, or nothing can be written.
    """
    with contextlib.ExitStack() as held:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            held.enter_context(held_lock(folder / LOCK, wait=False))
        except BlockingIOError as e:
            raise InputError("somebody else is making keys here right now", str(folder), "See what it has made") from e
        except OSError as e:
            raise InputError(f"no keys can be written here ({e.strerror})", str(folder), "Take another folder") from e
        held.callback((folder / LOCK).unlink, missing_ok=True)
        yield


def write_key_pair(folder: Path, name: str, *, replace: bool = False) -> None:
    """Writes a new pair, each file whole or not at all, the secret one for its owner's eyes only.

    Raises InputError where either file exists and shall not be replaced.
    """
    for suffix in (PUBLIC, SECRET):
        path = folder / f"{name}{suffix}"
        if os.path.lexists(path) and not replace:
            raise InputError("exists already", str(path), "Keep it, or take a new folder")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    public, secret = (half.decode() for half in zmq.curve_keypair())
    secret_text = f'# Secret half of the CURVE key pair "{name}". It belongs on one host, readable by one user.\n'
    _write(folder / f"{name}{SECRET}", f"{secret_text}{_pair(public, secret)}", 0o600)
    _write_public(folder, name, public)


def keep_key_pair(folder: Path, name: str) -> None:
    """Looks at a pair that is there; its public file is written anew where it is gone, or of another pair.

    Raises InputError where the secret file cannot be trusted.
    """
    pair = read_key_pair(folder, name)
    with contextlib.suppress(InputError):
        if read_public_key(folder, name) == pair.public:
            return
    _write_public(folder, name, pair.public.decode())


def read_public_key(folder: Path, name: str) -> bytes:
    """The public key of that name, in Z85. Raises InputError."""
    return _read(folder / f"{name}{PUBLIC}")[0]


def read_key_pair(folder: Path, name: str) -> KeyPair:
    """Both halves. Raises InputError, also where others than the owner may read the secret file."""
    path = folder / f"{name}{SECRET}"
    public, secret = _read(path)
    if path.stat().st_mode & 0o077:
        raise InputError("a secret key that others may read", str(path), "chmod 600 it, or make a new pair")
    if secret is None or zmq.curve_public(secret) != public:
        raise InputError("does not hold both halves of one key pair", str(path), REMEDY)
    return KeyPair(public, secret)


def _write_public(folder: Path, name: str, public: str) -> None:
    text = f'# Public half of the CURVE key pair "{name}".\n'
    _write(folder / f"{name}{PUBLIC}", f"{text}{_pair(public)}", 0o644)


def _pair(public: str, secret: str = "") -> str:
    rows = [f'    public-key = "{public}"', *([f'    secret-key = "{secret}"'] if secret else [])]
    return "\n".join(["metadata", "curve", *rows, ""])


def _read(path: Path) -> tuple[bytes, bytes | None]:
    try:
        if _others_may_replace(path):
            what = "others may write this key or its folder, and so admit whom they like"
            raise InputError(what, str(path), f"chmod o-w {path.parent} {path}")
        keys = zmq.auth.load_certificate(path)
    except OSError as e:
        raise InputError(f"no key can be read here ({e.strerror or 'no such file'})", str(path), REMEDY) from e
    except ValueError as e:
        raise InputError("is not a key file", str(path), REMEDY) from e
    if any(key is not None and not _is_key(key) for key in keys):
        raise InputError("is not a key file", str(path), REMEDY)
    return keys


def _others_may_replace(path: Path) -> bool:
    folder = path.parent.stat().st_mode
    return bool(path.stat().st_mode & stat.S_IWOTH or (folder & stat.S_IWOTH and not folder & stat.S_ISVTX))


def _is_key(text: bytes) -> bool:
    try:
        return len(text) == KEY_LENGTH and bool(zmq.curve_public(text))
    except zmq.ZMQError:
        return False


def _write(path: Path, text: str, mode: int) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        descriptor = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        partial.rename(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()


def require_line_keys(folder: Path, workers: Sequence[str]) -> None:
    """Raises InputError unless the folder holds what the line's host needs for these workers."""
    read_key_pair(folder, "line")
    for name in workers:
        read_public_key(folder, name)
