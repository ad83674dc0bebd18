"""As many steps as one likes: `make people STEPS=50000`.

python -m tests.people --steps 50000 [--seed 7]

Exit code 0: model and database agreed on every step; 1: they did not, and the last lines say who,
what and the shrunk steps.
"""

import argparse
import secrets
import sys
import time

from hypothesis.errors import HypothesisException

from tests.database import Cluster, private_server
from tests.people.machine import Disagreement, Tally
from tests.people.runs import opened, play

EVERY = 1000


def main() -> int:
    """Play on a private server, with a line for each thousand steps."""
    parser = argparse.ArgumentParser(prog="python -m tests.people")
    parser.add_argument("--steps", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    number = secrets.randbelow(2**32) if arguments.seed is None else arguments.seed
    began = time.monotonic()

    def progress(tally: Tally) -> None:
        if tally.steps % EVERY == 0:
            seconds = time.monotonic() - began
            print(f"{seconds:6.0f} s  {tally}", flush=True)

    print(f"seed {number}", flush=True)
    with (
        private_server() as server,
        Cluster(server).migrated() as database,
        opened(database) as town,
    ):
        try:
            tally = play(town, arguments.steps, number, progress=progress)
        except (Disagreement, HypothesisException) as error:
            print(*getattr(error, "__notes__", ()), sep="\n")
            print(error)
            return 1
    print(f"{tally}, no disagreement")
    return 0


if __name__ == "__main__":
    sys.exit(main())
