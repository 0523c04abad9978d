"""A fault that lasts: one line in the log when it begins and one when it ends, however often it is met."""

import logging
import time


class Outage:
    """The state of one thing that can be out of service. `what` says what fails, `remedy` what to do about it."""

    def __init__(self, logger: str, what: str, remedy: str) -> None:
        self._log = logging.getLogger(logger)
        self._what, self._remedy = what, remedy
        self._since_ns: int | None = None

    @property
    def lasting(self) -> bool:
        """Whether it has begun and not ended."""
        return self._since_ns is not None

    def begin(self, why: str | None) -> None:
        """Call at every failure; only the first of an outage is logged."""
        if self._since_ns is None:
            self._since_ns = time.monotonic_ns()
            self._log.error("%s (%s). %s", self._what, why, self._remedy)

    def end(self) -> None:
        """Call at every success."""
        if self._since_ns is not None:
            lasted_s = (time.monotonic_ns() - self._since_ns) / 1e9
            self._since_ns = None
            self._log.warning("over after %.1f s: %s", lasted_s, self._what)
