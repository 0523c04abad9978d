"""Where an unfinished training stands, on disk, so that it can go on after a crash, a power cut or a kill.

.MODEL_DIR.checkpoint/
  state-<step>.safetensors   the model, its best state, Adam's averages
  checkpoint.json            everything else, the sha256 of the state, and its own

checkpoint.json is replaced atomically, and only after the state that it names has reached the disk.
"""

import hashlib
import os
import shutil
import time
from pathlib import Path

import msgspec
import safetensors
import safetensors.torch

from line_inspector.errors import InputError
from line_inspector.training.budget import Budget
from line_inspector.training.learner import Learner, Standing
from line_inspector.training.origin import Origin, differences

FORMAT_VERSION = 1
RECORD = "checkpoint.json"
FORMAT_IS_OLD = "written by another version of this program"


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`origin` names all that the training depends on; it can go on with the same only."""

    format_version: int
    origin: Origin
    seconds_used: float
    seconds_prepared: float
    standing: Standing
    state: str
    state_sha256: str


class _Sealed(msgspec.Struct, frozen=True):
    sha256: str
    record: msgspec.Raw


class CheckpointFolder:
    """The checkpoint of the training that will write the model directory `out`, beside it."""

    def __init__(self, out: Path, every_s: float) -> None:
        self.path = out.parent / f".{out.name}.checkpoint"
        self._every_s = every_s
        self._saved_s = time.monotonic()

    @property
    def exists(self) -> bool:
        """Whether an unfinished training has left one."""
        return (self.path / RECORD).exists()

    @property
    def is_due(self) -> bool:
        """Whether the last one is old enough for another."""
        return time.monotonic() - self._saved_s >= self._every_s

    def require_none(self) -> None:
        """Raise InputError where there is one, rather than overwrite it."""
        if self.exists:
            raise InputError("an unfinished training is kept", str(self.path), "Add --resume, or remove this folder.")

    def save(self, learner: Learner, origin: Origin, budget: Budget) -> None:
        """Write the checkpoint. Raises InputError where that cannot be; the one before is then still whole."""
        content = safetensors.torch.save({name: value.cpu().contiguous() for name, value in learner.tensors().items()})
        record = Record(
            format_version=FORMAT_VERSION,
            origin=origin,
            seconds_used=budget.seconds_used(),
            seconds_prepared=budget.seconds_prepared,
            standing=learner.standing(),
            state=f"state-{learner.step}.safetensors",
            state_sha256=_sha256(content),
        )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            _write(self.path / record.state, content)
            _write(self.path / RECORD, _seal(msgspec.json.encode(record)))
            for left in self.path.glob("state-*"):
                if left.name != record.state:
                    left.unlink()
        except OSError as e:
            what = f"the checkpoint cannot be written ({e.strerror})"
            raise InputError(what, str(self.path), "Free space, and go on with --resume.") from e
        self._saved_s = time.monotonic()

    def read(self) -> bytes:
        """The checkpoint as it is on disk: record and state, packed. Raises InputError where it cannot be read."""
        try:
            text = (self.path / RECORD).read_bytes()
            state = (self.path / self._record(text).state).read_bytes()
        except OSError as e:
            raise InputError(f"cannot be read ({e.strerror})", str(self.path), self._start_anew) from e
        return msgspec.msgpack.encode((text, state))

    def restore(self, packed: bytes, learner: Learner, origin: Origin, budget: Budget) -> None:
        """Put learner and budget where they stood when the checkpoint was written.

        Raises InputError for a damaged one, and for one of a training that differs, saying in what.
        """
        text, state = msgspec.msgpack.decode(packed, type=tuple[bytes, bytes])
        record = self._record(text)
        if _sha256(state) != record.state_sha256:
            raise InputError("does not match its sha256", str(self.path / record.state), self._start_anew)
        differing = differences(record.origin, origin)
        if differing:
            remedy = "Give what the training began with, or remove this folder."
            raise InputError(f"this training differs: {differing}", str(self.path), remedy)
        try:
            learner.take_up(record.standing, safetensors.torch.load(state))
        except (RuntimeError, KeyError, safetensors.SafetensorError) as e:
            reason = (str(e).splitlines() or ["unknown"])[0].rstrip(".:")
            raise InputError(f"does not fit the model: {reason}", str(self.path), self._start_anew) from e
        budget.resume(record.seconds_used, record.seconds_prepared)

    def remove(self) -> None:
        """The training is finished."""
        shutil.rmtree(self.path, ignore_errors=True)

    @property
    def _start_anew(self) -> str:
        return "Remove this folder, and train from the beginning."

    def _record(self, text: bytes) -> Record:
        try:
            sealed = msgspec.json.decode(text, type=_Sealed)
            if _sha256(bytes(sealed.record)) != sealed.sha256:
                raise ValueError("it does not match its sha256")
            return msgspec.json.decode(sealed.record, type=Record)
        except ValueError as e:
            raise InputError(f"cannot be used: {e}", str(self.path / RECORD), self._start_anew) from e


def _seal(record: bytes) -> bytes:
    return msgspec.json.encode(_Sealed(_sha256(record), msgspec.Raw(record)))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f"{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)  # on a full disk, of all places
