"""Two hosts on one machine: network namespaces, with a cable between them that delays, loses, and can be cut."""

import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

LINE_ADDRESS, WORKER_ADDRESS = "10.213.7.1", "10.213.7.2"


def hours_off(hours: int) -> list[str]:
    """Puts a command into a time namespace whose CLOCK_MONOTONIC is that far ahead; empty where none can be made."""
    seconds = str(hours * 3600)
    prefix = ["unshare", "--time", "--monotonic", seconds, "--boottime", seconds]
    if not shutil.which("unshare"):
        return []
    done = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    return [] if done.returncode else prefix


class TwoHosts:
    """Namespaces `line` and `worker`, each with one interface at its end of the cable."""

    def __init__(self, delay_ms: float, loss: float) -> None:
        self._names = {host: f"li{os.getpid()}-{host}" for host in ("line", "worker", "wire")}
        self._wire: subprocess.Popen[bytes] | None = None
        self.by_netem = False
        with ExitStack() as undone:
            undone.callback(self.close)
            self._build(delay_ms, loss)
            undone.pop_all()

    def on(self, host: str) -> list[str]:
        """What to put before a command so that it runs there."""
        return ["ip", "netns", "exec", self._names[host]]

    def cut(self) -> None:
        """Pulls the cable: neither end is told by the other."""
        self._ip("-n", self._names["wire"], "link", "set", "dev", "a", "down")
        self._ip("-n", self._names["wire"], "link", "set", "dev", "b", "down")

    def mend(self) -> None:
        """Plugs it in again."""
        self._ip("-n", self._names["wire"], "link", "set", "dev", "a", "up")
        self._ip("-n", self._names["wire"], "link", "set", "dev", "b", "up")

    def round_trip_ms(self) -> float:
        """Of a ping from the line's host; the smallest of several, since some are lost."""
        code = (
            "import socket, time\n"
            "best = 9.0\n"
            "for _ in range(6):\n"
            "    s = socket.socket(); s.settimeout(1); start = time.monotonic()\n"
            "    try:\n"
            f"        s.connect(('{WORKER_ADDRESS}', 9))\n"
            "    except ConnectionRefusedError:\n"
            "        best = min(best, time.monotonic() - start)\n"
            "    except OSError:\n"
            "        pass\n"
            "print(best * 1e3)"
        )
        done = subprocess.run(
            [*self.on("line"), sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        return float(done.stdout)

    def close(self) -> None:
        """Removes namespaces and cable."""
        if self._wire:
            self._wire.kill()
            self._wire.wait()
        for name in self._names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)

    def _build(self, delay_ms: float, loss: float) -> None:
        line, worker, wire = self._names.values()
        for name in (line, worker, wire):
            self._ip("netns", "add", name)
            self._ip("-n", name, "link", "set", "lo", "up")
        for host, end, address in ((line, "a", LINE_ADDRESS), (worker, "b", WORKER_ADDRESS)):
            self._ip("link", "add", "eth0", "netns", host, "type", "veth", "peer", "name", end, "netns", wire)
            self._ip("-n", host, "addr", "add", f"{address}/24", "dev", "eth0")
            self._ip("-n", host, "link", "set", "eth0", "up")
            self._ip("-n", wire, "link", "set", "dev", end, "up")
        self.by_netem = self._bridged_with_netem(wire, delay_ms, loss)
        if not self.by_netem:
            program = [sys.executable, str(Path(__file__).with_name("lossy_wire.py")), "a", "b"]
            self._wire = subprocess.Popen([*self.on("wire"), *program, str(delay_ms), str(loss)])
            time.sleep(0.3)

    def _bridged_with_netem(self, wire: str, delay_ms: float, loss: float) -> bool:
        """A bridge joins the ends, and netem harms what leaves it; False where the kernel has no netem."""
        for end in ("a", "b"):
            rule = ["tc", "-n", wire, "qdisc", "add", "dev", end, "root", "netem"]
            command = [*rule, "delay", f"{delay_ms}ms", "loss", f"{loss:.0%}"]
            if not shutil.which("tc") or subprocess.run(command, capture_output=True, check=False).returncode:
                return False
        self._ip("-n", wire, "link", "add", "bridge", "type", "bridge")
        for link in ("a", "b"):
            self._ip("-n", wire, "link", "set", "dev", link, "master", "bridge")
        self._ip("-n", wire, "link", "set", "bridge", "up")
        return True

    @staticmethod
    def _ip(*arguments: str) -> None:
        subprocess.run(["ip", *arguments], check=True, capture_output=True)


def require_namespaces() -> None:
    """Skips the test where this machine cannot play two hosts."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces take root")
    if not shutil.which("ip"):
        pytest.skip("iproute2 is not installed; on Debian or Ubuntu: apt-get install iproute2")
    probe = f"li{os.getpid()}-probe"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.skip(f"network namespaces cannot be made here: {made.stderr.strip()}")
    subprocess.run(["ip", "netns", "del", probe], check=True)
