"""A ledger on a PostgreSQL server: one database for each line. Needs the extra `postgresql`."""

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from line_inspector.errors import InputError

WRITERS_LOCK = 0x11_1ED6E5  # an advisory lock of the database: whoever writes a chain holds it
CONNECT_ARGUMENTS = {
    "application_name": "line-inspector",
    "connect_timeout": 2,
    "keepalives_idle": 5,  # a cut cable is noticed within some ten seconds, not after two hours
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
LOCK_TIMEOUT_MS = 5000
# connection, resources, operator intervention, locks, serialization; and a standby that may become the primary
TRANSIENT_CLASSES = ("08", "53", "57", "55", "40", "25")


class PostgresqlServer:
    """The database that `url` names. Raises InputError without the driver. The password is in no text of it."""

    remedy = "Check records.ledger, the server and its pg_hba.conf"

    def __init__(self, url: URL) -> None:
        self.shown = url.set(query={}).render_as_string(hide_password=True)
        self._url = url
        self._engine()

    def writing_engine(self) -> Engine:
        """An engine for transactions that survive a crash of the server once they are committed."""
        return self._engine()

    def reading_engine(self) -> Engine:
        """An engine that can only read, each connection as of one moment."""
        return self._engine().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def make_place(self) -> None:
        """Nothing: who runs the server makes the database."""

    def prepare(self, connection: Connection) -> None:
        """What a new connection needs. Raises InputError for a database that cannot hold every text."""
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            raise InputError(f"its encoding is {encoding}", self.shown, "Create the database with ENCODING 'UTF8'")
        connection.exec_driver_sql("SET synchronous_commit = on")
        connection.exec_driver_sql(f"SET lock_timeout = {LOCK_TIMEOUT_MS}")
        connection.commit()

    def begin(self, connection: Connection) -> None:
        """Begins a transaction that no other writer is in."""
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")

    def is_replaced(self) -> bool:
        """Never: a connection ends with its server."""
        return False

    def is_transient(self, error: DBAPIError) -> bool:
        """Whether waiting may help. A connection that is refused bears no state: the server may be starting."""
        state: str | None = getattr(error.orig, "sqlstate", None)
        return error.connection_invalidated or not state or state.startswith(TRANSIENT_CLASSES)

    def _engine(self) -> Engine:
        try:
            return create_engine(self._url, poolclass=NullPool, connect_args=CONNECT_ARGUMENTS)
        except ImportError as e:
            remedy = "Install the extra: pip install 'line-inspector[postgresql]'"
            raise InputError(f"psycopg is not installed ({e})", self.shown, remedy) from e
