"""Ctrl-C, SIGTERM and SIGHUP, taken where they do no harm.

An exception in the middle of a login leaves it half made, and its traceback keeps it open. DROP
DATABASE waits for such a session until authentication_timeout (a minute), so cleaning up would.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """The first signal ends the run after the present test, a second one at once."""

    def __init__(self, config: pytest.Config) -> None:
        """Take the signals over; until `allow` they wait."""
        self._config = config
        self._waits = True
        self._came = False
        for number in ENDINGS:
            signal.signal(number, self._take)

    def allow(self) -> None:
        """Let signals end the run from now on.

        Raises:
            KeyboardInterrupt: one came while they had to wait.
        """
        self._waits = False
        if self._came:
            raise KeyboardInterrupt

    def _take(self, number: int, frame: FrameType | None) -> None:
        del frame
        again, self._came = self._came, True
        if not again:
            if self._waits:
                return
            session = self._config.pluginmanager.get_plugin("session")
            # with xdist the tests run elsewhere, and nothing looks at shouldstop here
            distributed = self._config.pluginmanager.has_plugin("dsession")
            if isinstance(session, pytest.Session) and not distributed:
                session.shouldstop = f"ended by {signal.Signals(number).name}"
                return
        raise KeyboardInterrupt


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ignore the signals in this block; half of the cleaning would be worse than waiting for it."""
    handlers = {number: signal.signal(number, signal.SIG_IGN) for number in ENDINGS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
