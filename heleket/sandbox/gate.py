"""A gate that holds creates until it is opened, for tests that kill processes at that moment."""

import threading


class Gate:
    """`mode` says where creates are held: "before" they are executed, "after", or "open"."""

    MODES = ("open", "before", "after")

    def __init__(self) -> None:
        self.mode = "open"
        self.waiting = 0
        self._changed = threading.Condition()

    def set(self, mode: str) -> None:
        """Hold creates at another place, or let all that wait pass. ValueError if unknown."""
        if mode not in self.MODES:
            raise ValueError(f"the gate is one of {', '.join(self.MODES)}")
        with self._changed:
            self.mode = mode
            self._changed.notify_all()

    def hold(self, place: str) -> None:
        """Return at once, or when the gate is no longer closed at this place."""
        with self._changed:
            self.waiting += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.mode != place)
            self.waiting -= 1

    def wait_for(self, count: int, *, timeout_seconds: float = 60) -> bool:
        """Return when so many creates are held, or False if they never come."""
        with self._changed:
            return self._changed.wait_for(lambda: self.waiting >= count, timeout_seconds)
