"""A worker process of a line under test, on its own host as far as its files go."""

import copy
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from line_inspector.bus import Bus
from line_inspector.line_file import read_line_file
from line_inspector.messages import Health
from line_inspector.streams import HEALTH
from line_inspector.training.registry import Registry
from line_inspector.workers.keys import write_key_pair


def make_keys(folder: Path, *workers: str) -> Path:
    """Key pairs of the line and of these workers, all in one folder."""
    for name in ("line", *workers):
        write_key_pair(folder, name)
    return folder


class RemoteWorker:
    """`stations.worker` with a line file, a data_dir and models of its own; `prefix` puts it into a namespace."""

    def __init__(
        self, name: str, folder: Path, document: dict[str, Any], model_dir: Path, prefix: Sequence[str] = ()
    ) -> None:
        self.name, self._prefix = name, prefix
        folder.mkdir()
        self.path, self.log_path = folder / "line.yaml", folder / "worker.log"
        document = copy.deepcopy(document)
        for worker in document["inference"]["workers"].values():
            if "keys" in worker:
                worker["keys"] = str((folder.parent / worker["keys"]).resolve())
        self.path.write_text(yaml.safe_dump(document))
        self.line = read_line_file(self.path)
        self.registry = Registry(self.line.registry_dir, self.line.recipe)
        self.registry.publish(model_dir)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the process and waits until it listens."""
        with self.log_path.open("ab") as log:
            command = [*self._prefix, sys.executable, "-m", "stations.worker", str(self.path), "--worker", self.name]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        health = Bus(self.line.sockets_dir).subscriber(HEALTH, Health, (f"worker.{self.name}",))
        end_s = time.monotonic() + 60
        while not list(health.drain()):
            assert self.process.poll() is None and time.monotonic() < end_s, self.log()
            time.sleep(0.02)
        health.close()

    def signal(self, number: int) -> None:
        """To the process itself: `ip netns exec` and `unshare` become what they start."""
        assert self.process
        os.kill(self.process.pid, number)

    def kill(self) -> int:
        """kill -9; the time at which it was sent, monotonic ns."""
        self.signal(signal.SIGKILL)
        hurt_ns = time.monotonic_ns()
        assert self.process
        self.process.wait()
        return hurt_ns

    def stop(self) -> None:
        """Ends it, if it runs."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def log(self) -> str:
        return self.log_path.read_text()[-4000:] if self.log_path.exists() else ""
