"""What the outbox costs: crm.contacts with its event triggers and without, side by side in one run.

    .venv/bin/python -m tests.bench.outbox [--rounds 9]

Prints a Markdown line of ratios (median, and the spread of the quartiles) for each statement. Both
have the audit trail and every other trigger; statements run in the server, as superuser without
claims. Time is what the backend spent on a processor (Linux), so that neighbours do not count.
"""

import argparse
import statistics
from collections import defaultdict
from pathlib import Path

from tests.database import Cluster, private_server

STATEMENTS = {
    "insert 1": "do $$ begin for n in 1..300 loop"
    " insert into crm.contacts (agency_id, full_name) select id, 'Zoë' from tenancy.agencies;"
    " end loop; end $$",
    "update 1": "do $$ declare one uuid := (select id from crm.contacts limit 1); begin"
    " for n in 1..300 loop"
    " update crm.contacts set full_name = n::text where id = one; end loop; end $$",
    "insert 3 000": "insert into crm.contacts (agency_id, full_name)"
    " select a.id, 'Zoë' from tenancy.agencies as a, generate_series(1, 3000)",
    "update 3 000": "update crm.contacts set full_name = full_name || '.'"
    " where id in (select id from crm.contacts limit 3000)",
}


def spent(backend: int) -> int:
    """Nanoseconds that a process has spent on a processor."""
    return int(Path(f"/proc/{backend}/schedstat").read_text().split()[0])


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    ratios: dict[str, list[float]] = defaultdict(list)
    with (
        private_server() as server,
        Cluster(server).migrated() as database,
        database.connect(autocommit=True) as connection,
    ):
        connection.execute("insert into tenancy.agencies (name, slug) values ('Garden', 'garden')")
        connection.execute(
            "insert into crm.contacts (agency_id, full_name)"
            " select a.id, 'Zoë' from tenancy.agencies as a, generate_series(1, 3000)"
        )
        for _ in range(rounds):
            for name, statement in STATEMENTS.items():
                seconds = {}
                for state in ("disable", "enable"):
                    for trigger in ("insert", "update"):
                        connection.execute(
                            f"alter table crm.contacts {state} trigger event_{trigger}".encode()
                        )
                    with connection.transaction(force_rollback=True):
                        connection.execute(statement.encode())
                        began = spent(connection.info.backend_pid)
                        connection.execute(statement.encode())
                        seconds[state] = spent(connection.info.backend_pid) - began
                ratios[name].append(seconds["enable"] / seconds["disable"])
    for name, found in ratios.items():
        low, middle, high = statistics.quantiles(found, n=4)
        print(f"| {name} | {middle:.2f} ({low:.2f} to {high:.2f}) |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
