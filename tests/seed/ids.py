"""Ids as the database makes them, uuid v7, but from a clock that stands still between runs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random

# Two years of business, the same in every run.
BEGIN = datetime(2024, 1, 1, tzinfo=UTC)
END = datetime(2026, 1, 1, tzinfo=UTC)


def uuid_v7(at: datetime, rng: Random) -> str:
    """A uuid v7 of this instant; the rest comes from the generator."""
    bits = rng.getrandbits(74)
    digits = (
        f"{int(at.timestamp() * 1000):012x}7{bits >> 62:03x}{(bits & (1 << 62) - 1) | 1 << 63:016x}"
    )
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def ids(rng: Random, count: int) -> Iterator[str]:
    """As many ids as are asked for, in order; the first `count` of them fill the two years."""
    step = (END - BEGIN) / (count + 1)
    at = BEGIN
    while True:
        at += max(step, timedelta(milliseconds=1))
        yield uuid_v7(at, rng)
