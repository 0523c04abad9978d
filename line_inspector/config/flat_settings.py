"""The settings of a line as they go on record: flat, by dotted name, and without passwords."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

LEDGER = "records.ledger"


def flat_settings(sections: Mapping[str, Any]) -> dict[str, object]:
    """Every key and its value, by dotted name, of a line's `sections` in nested dicts. Passwords are left out."""
    values = dict(_flat(sections))
    values[LEDGER] = _without_password(str(values[LEDGER]))
    return {key: value for key, value in values.items() if "password" not in key}


def _flat(section: Mapping[str, Any], place: str = "") -> Iterator[tuple[str, object]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{place}{key}.")
        else:
            yield f"{place}{key}", value


def _without_password(ledger: str) -> str:
    """A URL without what may hold a password: that in front of the host, and the parameters after it."""
    if not ledger.startswith("postgresql"):
        return ledger
    url = urlsplit(ledger)
    user, _, host = url.netloc.rpartition("@")
    return f"{url.scheme}://{user.partition(':')[0]}@{host}{url.path}"
