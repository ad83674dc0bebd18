"""Prints what the check of all members tried, at the end of a run."""

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many members, tables and statements there were."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "isolation":
                terminalreporter.write_line(value)
