"""A condition counts only once it has lasted."""


class Lasting:
    """True once what `look` is told has been true, without a break, for `hold_ns`."""

    def __init__(self, hold_ns: int) -> None:
        self._hold_ns = hold_ns
        self._since_ns: int | None = None

    def look(self, present: bool, now_ns: int) -> bool:
        """The condition at `now_ns`; times do not go back."""
        if not present:
            self._since_ns = None
            return False
        if self._since_ns is None:
            self._since_ns = now_ns
        return now_ns - self._since_ns >= self._hold_ns
