"""Rows of the trail as a test wants them, written past its guards by a superuser.

What triggers write is tested where triggers are. Reading is tested on rows that no trigger would
write in one day: old months, a clock that went back, values that were erased.
"""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from tests.policies.access import Connection

NOON = datetime.now(UTC).replace(day=2, hour=12, minute=0, second=0, microsecond=0)

_numbers = itertools.count(1)


def uuid_v7(at: datetime) -> UUID:
    """A new uuid v7 of that moment, above all that were made for it before."""
    tail = f"{next(_numbers):015x}"
    return UUID(f"{int(at.timestamp() * 1000):012x}7{tail[-15:-12]}8{tail[-12:]:0>15}")


@dataclass(frozen=True)
class Trail:
    """Writes entries about one record of one agency."""

    connection: Connection
    agency: UUID
    record: UUID
    table: str = "tenancy.teams"

    def add(
        self,
        op: str,
        old: Mapping[str, Any] | None = None,
        new: Mapping[str, Any] | None = None,
        *,
        at: datetime = NOON,
        epoch: int = 1,
        timeline: int = 1,
        has_values: bool = True,
        **more: Any,
    ) -> UUID:
        """Write one entry, after those before it; answer its id.

        Args:
            op: insert, update, delete, redact.
            old: old_values.
            new: new_values.
            at: when its statement began; its id is of that time.
            epoch: of the trail's order.
            timeline: of the trail's order.
            has_values: False is level `keys`; without values they were erased.
            more: other columns.
        """
        schema, _, table = self.table.partition(".")
        row = {
            "agency_id": self.agency,
            "id": uuid_v7(at),
            "at": at,
            "schema_name": schema,
            "table_name": table,
            "record_id": self.record,
            "op": op,
            "changed": sorted((old or new or {}).keys()) if op == "update" else [],
            "old_values": None if old is None else json.dumps(old, default=str),
            "new_values": None if new is None else json.dumps(new, default=str),
            "salt": bytes(16) if has_values and op != "redact" and (old or new) else None,
            "actor_kind": "user",
            "db_role": "authenticated",
            "epoch": epoch,
            "timeline": timeline,
            **more,
        }
        if has_values and op != "redact" and row["salt"] is None:
            row["values_hash"] = bytes(32)
        names = ", ".join(row)
        places = ", ".join(f"%({name})s" for name in row)
        with self.connection.transaction():
            self.connection.execute("set local session_replication_role = replica")
            self.connection.execute(
                f"""
                insert into audit.log ({names}, xid)
                values ({places}, pg_current_xact_id())
                """.encode(),
                row,
            )
        return UUID(str(row["id"]))


def new_trail(connection: Connection, agency: UUID, table: str = "tenancy.teams") -> Trail:
    """The trail of a record that nothing is known of yet."""
    return Trail(connection, agency, uuid4(), table)


def forget(trail: Trail) -> None:
    """Take what is recorded of it out of the trail, as if it had been retired."""
    with trail.connection.transaction():
        trail.connection.execute("set local session_replication_role = replica")
        trail.connection.execute(
            "delete from audit.log where agency_id = %s and record_id = %s",
            [trail.agency, trail.record],
        )


def make_month(connection: Connection, month: date) -> str:
    """Make and attach a month of the past, as audit.make_partitions made it then."""
    name = f"log_{month:%Y_%m}"
    begin = date(month.year, month.month, 1)
    end = (begin + timedelta(days=32)).replace(day=1)
    for statement in (
        f"create table audit.{name} partition of audit.log for values"
        f" from ('{uuid_floor(begin)}') to ('{uuid_floor(end)}')",
        f"alter table audit.{name} owner to gardenos_owner",
        f"alter table audit.{name} enable row level security",
        f"alter table audit.{name} force row level security",
    ):
        connection.execute(statement.encode())
    return name


def uuid_floor(day: date) -> UUID:
    """The smallest uuid v7 of a day, in UTC."""
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return UUID(f"{int(at.timestamp() * 1000):012x}70008000000000000000")
