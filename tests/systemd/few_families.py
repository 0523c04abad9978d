"""Runs a program as systemd does under RestrictAddressFamilies: any other socket is refused.

python few_families.py "AF_UNIX AF_INET" PROGRAM ARGUMENT...
"""

import ctypes
import errno
import os
import platform
import socket
import sys

SOCKET_CALL = {"x86_64": 41, "aarch64": 198}
NO_NEW_PRIVS, SECCOMP, FILTER = 38, 22, 2
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER, FIRST_ARGUMENT = 0, 16
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EAFNOSUPPORT


class Step(ctypes.Structure):
    """One instruction of the kernel's packet filter."""

    _fields_ = (("code", ctypes.c_ushort), ("yes", ctypes.c_ubyte), ("no", ctypes.c_ubyte), ("k", ctypes.c_uint))


class Program(ctypes.Structure):
    """The filter as the kernel takes it."""

    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.POINTER(Step)))


def restrict(families: list[int]) -> None:
    """From now on this process, and what it becomes, opens sockets of these families alone."""
    tests = [Step(EQUAL, len(families) - i, 0, family) for i, family in enumerate(families)]
    steps = [
        Step(LOAD, 0, 0, NUMBER),
        Step(EQUAL, 0, len(families) + 2, SOCKET_CALL[platform.machine()]),
        Step(LOAD, 0, 0, FIRST_ARGUMENT),
        *tests,
        Step(RETURN, 0, 0, REFUSE),
        Step(RETURN, 0, 0, ALLOW),
    ]
    program = Program(len(steps), (Step * len(steps))(*steps))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(SECCOMP, FILTER, ctypes.byref(program)):
        raise OSError(ctypes.get_errno(), "the kernel takes no filter")


if __name__ == "__main__":
    restrict([int(getattr(socket, name)) for name in sys.argv[1].split()])
    os.execv(sys.argv[2], sys.argv[2:])
