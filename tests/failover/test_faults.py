"""Every row of the fault matrix, once in `sync`, and the quick ones in `quorum` too."""

import pytest

from tests.failover.conftest import Theatre
from tests.failover.faults import FAULTS
from tests.failover.scene import Fault


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_in_sync(theatre: Theatre, fault: Fault) -> None:
    theatre.play(fault, "sync")


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.quick], ids=str)
def test_in_quorum(theatre: Theatre, fault: Fault) -> None:
    theatre.play(fault, "quorum")


def test_every_row_of_the_matrix_is_here() -> None:
    there = {fault.number.rstrip("abcdefg") for fault in FAULTS}
    assert there == {f"F{number}" for number in range(1, 24)}
