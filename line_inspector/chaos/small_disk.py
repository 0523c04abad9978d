"""A disk small enough to be filled: a tmpfs that only this process and its children see.

It needs the right to mount: root's, or the one that a user has in a user namespace, where the machine allows those.
"""

import ctypes
import errno
import os
from contextlib import suppress
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
MS_REC, MS_PRIVATE, MNT_DETACH = 0x4000, 0x40000, 2

_libc = ctypes.CDLL(None, use_errno=True)


class SmallDisk:
    """The mounted disk at `folder`. Nothing but this process and those it starts later can see into it."""

    def __init__(self, folder: Path, size_mb: int) -> None:
        """Raises OSError where this machine does not allow it. No thread but the calling one may run."""
        self.folder = folder
        _own_mounts()
        _call(_libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
        options = f"size={size_mb}m,mode=0700"
        _call(_libc.mount(b"line-inspector", bytes(folder), b"tmpfs", 0, options.encode()))

    def close(self) -> None:
        """Takes it off again, whoever still has files open there."""
        with suppress(OSError):
            _call(_libc.umount2(bytes(self.folder), MNT_DETACH))


def _own_mounts() -> None:
    """A mount namespace for this process; as a user without that right, in a user namespace of its own."""
    if _libc.unshare(CLONE_NEWNS) == 0:
        return
    if ctypes.get_errno() != errno.EPERM:
        _call(-1)
    user, group = os.getuid(), os.getgid()
    _call(_libc.unshare(CLONE_NEWNS | CLONE_NEWUSER))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def _call(answer: int) -> None:
    if answer:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
