"""Verdicts and faults that came before their part was announced."""

from collections import OrderedDict

from line_inspector.messages import Fault, Verdict

HELD_ANSWERS = 4_096


class EarlyAnswers:
    """The first answer of each part, for `keep_ns` and HELD_ANSWERS at most."""

    def __init__(self, keep_ns: int) -> None:
        self._keep_ns = keep_ns
        self._held: OrderedDict[str, tuple[Verdict | Fault, int]] = OrderedDict()

    def keep(self, answer: Verdict | Fault, now_ns: int) -> None:
        """Until its part is announced."""
        if answer.part_id in self._held:
            return
        self._held[answer.part_id] = (answer, now_ns)
        if len(self._held) > HELD_ANSWERS:
            self._held.popitem(last=False)

    def take(self, part_id: str) -> tuple[Verdict | Fault, int] | tuple[None, None]:
        """The part's answer and when it came; nothing, twice, where none has come."""
        return self._held.pop(part_id, (None, None))

    def forget(self, now_ns: int) -> None:
        """Answers of parts that nobody has announced in time."""
        while self._held and next(iter(self._held.values()))[1] + self._keep_ns < now_ns:
            self._held.popitem(last=False)
