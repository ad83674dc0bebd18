"""How many agencies, and how many rows each: a big one, and smaller ones."""

from dataclasses import dataclass

from tests.seed.errors import SeedError

# What people, teams, lists and pipelines of the smallest agency take, with something left to do.
SMALLEST = 800
MOST_AGENCIES = 1000
# The second agency has about a third of the first, the third a fifth.
SKEW = 1.5


@dataclass(frozen=True)
class Plan:
    """What is asked for.

    Attributes:
        rows: for each agency, its rows in all tables of tenants; the trail comes on top.
        random: two runs with the same number make the same data.
    """

    rows: tuple[int, ...]
    random: int

    @classmethod
    def read(cls, agencies: str, rows: str, random: str) -> "Plan":
        """Read what the person typed.

        Raises:
            SeedError: it is not a number, or too few rows for so many agencies.
        """
        count = _number("AGENCIES", agencies, 1, MOST_AGENCIES)
        total = _number("ROWS", rows, 1, 10**9)
        if total < count * SMALLEST:
            raise SeedError(
                f"ROWS={total} is too few for {count} agencies: each needs {SMALLEST}, "
                f"so at least {count * SMALLEST} (nothing was written)."
            )
        return cls(split(total, count), _number("SEED", random, 0, 2**31))


def _number(name: str, text: str, least: int, most: int) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise SeedError(
            f"{name} must be a number from {least} to {most}, not {text!r} (nothing was written)."
        )
    return value


def split(total: int, count: int) -> tuple[int, ...]:
    """The rows of each agency, the biggest first; together they are `total`."""
    weights = [1 / number**SKEW for number in range(1, count + 1)]
    free = total - count * SMALLEST
    shares = [SMALLEST + int(free * weight / sum(weights)) for weight in weights]
    shares[0] += total - sum(shares)
    return tuple(shares)
