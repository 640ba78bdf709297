"""Those who want to hear of changes are told, one after the other, and none of them keeps the next one from it."""

import logging
import threading
from collections.abc import Callable

from changegate.picture import Change

log = logging.getLogger("changegate")
Callback = Callable[[Change], None]


class Callbacks:
    """Those who want to hear of changes."""

    def __init__(self) -> None:
        self._all: tuple[Callback, ...] = ()
        self._adding = threading.Lock()

    def add(self, callback: Callback) -> Callable[[], None]:
        with self._adding:
            self._all = (*self._all, callback)

        def off() -> None:
            with self._adding:
                self._all = tuple(each for each in self._all if each is not callback)

        return off

    def take(self, others: "Callbacks") -> None:
        self._all = others._all  # noqa: SLF001 -- its own kind

    def tell(self, changes: list[Change]) -> None:
        for callback in self._all:
            for change in changes:
                try:
                    callback(change)
                except Exception:
                    log.exception("a callback failed on a change of %s", change.key)
