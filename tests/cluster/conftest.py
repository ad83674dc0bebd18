"""Tests of the cluster need programs that PyPI has not; without them they are skipped, loudly."""

import pytest

from tests.cluster import programs


@pytest.fixture(scope="session", autouse=True)
def _programs() -> None:
    absent = programs.missing()
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)}; make programs")
