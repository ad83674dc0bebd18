"""Asking again until there is an answer."""

import time
from collections.abc import Callable
from typing import TypeVar

import psycopg

from tests.cluster.errors import ClusterError, Unanswered

T = TypeVar("T")


def until(look: Callable[[], T | None], seconds: float, complaint: str) -> T:
    """The first true answer.

    Raises:
        ClusterError: there was none in that many seconds.
    """
    deadline = time.monotonic() + seconds
    last = ""
    while time.monotonic() < deadline:
        try:
            if answer := look():
                return answer
        except (psycopg.OperationalError, OSError, Unanswered) as error:
            last = f" ({error})"
        time.sleep(0.05)
    raise ClusterError(f"After {seconds:.0f} s: {complaint}{last}.")
