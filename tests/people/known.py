"""Where model and database disagree and a decision is awaited: each with its reason. Best empty."""

from collections.abc import Callable

from tests.people.verdicts import Act

# (reason, does it apply to this act with this verdict and this outcome)
KNOWN: list[tuple[str, Callable[[Act, str, str], bool]]] = []


def is_known(act: Act, expected: str, outcome: str) -> bool:
    """Whether this disagreement is one of the list."""
    return any(applies(act, expected, outcome) for _, applies in KNOWN)
