"""A PostgreSQL server of the tests' own, in a folder of its own, that can be stopped, killed and stalled."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.exc import OperationalError

PASSWORD = "s3cret-of-the-line"


def binaries() -> Path | None:
    """The folder of initdb and postgres; Debian keeps it off the PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    found = shutil.which("postgres") or (debian and debian[-1])
    return Path(found).resolve().parent if found else None


class Cluster:
    """Databases of the user `inspector`, over TCP on loopback. PostgreSQL refuses root, so root runs it as postgres."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="line-inspector-pg-"))
        self._as_user = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
        if self._as_user:
            account = pwd.getpwnam("postgres")
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._server: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._initialise()

    def _initialise(self) -> None:
        word = self._folder / "word"
        word.write_text(PASSWORD)
        word.chmod(0o644)
        subprocess.run(
            [self._programs / "initdb", "-D", self._folder / "data", "-U", "inspector", "--pwfile", word]
            + ["-E", "UTF8", "--locale=C", "-A", "scram-sha-256", "--no-sync"],
            check=True, capture_output=True, cwd="/", **self._as_user,
        )  # fmt: skip

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        options = [
            "-D",
            self._folder / "data",
            "-k",
            self._folder,
            "-p",
            str(self.port),
            "-c",
            "fsync=off",
        ]  # the machine does not crash
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [self._programs / "postgres", *options], stdout=log, stderr=log, cwd="/", **self._as_user
            )
        end_s = time.monotonic() + 30
        while not self._answers():
            assert time.monotonic() < end_s, (self._folder / "log").read_text()
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is a fast shutdown, SIGQUIT ends it without ado, as a crash does."""
        if self._server:
            self._server.send_signal(how)
            self._server.wait(30)
            self._server = None

    def stall(self) -> None:
        """Stops every process of the server where it is: connections stay open and nothing answers."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets them go on."""
        self._signal(signal.SIGCONT)

    def new_database(self) -> str:
        """URL of an empty database."""
        self._databases += 1
        name = f"ledger_{self._databases}"
        with create_engine(self.url("postgres"), poolclass=NullPool, isolation_level="AUTOCOMMIT").connect() as c:
            c.execute(text(f"CREATE DATABASE {name}"))
        return self.url(name)

    def url(self, database: str) -> str:
        """As it stands in a line file."""
        return f"postgresql+psycopg://inspector:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def remove(self) -> None:
        """Ends the server and leaves nothing behind."""
        self.resume()
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self._folder)

    def _signal(self, number: signal.Signals) -> None:
        if self._server:
            server = psutil.Process(self._server.pid)
            for process in (server, *server.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):  # a connection that ended meanwhile
                    process.send_signal(number)

    def _answers(self) -> bool:
        try:
            create_engine(self.url("postgres"), poolclass=NullPool).connect().close()
        except OperationalError:
            return False
        return True
