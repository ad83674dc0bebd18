"""Isolation proved with Z3, for every table, not only the tables that the prover can read.

`pgrls verify` says UNVERIFIED of role functions and `any(…)`. So it is given a weaker database: of
each permissive policy of a client only the tenant equality is left that it begins with, and the
policies of the roles that no floor binds are gone (`test_unbound_roles.py` has those). What is left
out could only narrow: a policy is `equality and the rest`, and the catalogue checks that it is. So
what is proved of the weaker database holds for the real one.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.rows import dict_row

from tests.database import Database, Databases, program_environment
from tests.policies import catalogue
from tests.policies.matrix import SCHEMAS

WEAKEN = """
do $$
declare
    item record;
    floor text;
begin
    for item in
        select
            p.polname,
            p.polrelid::regclass as relation,
            p.polroles,
            case p.polcmd
                when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update'
                when 'd' then 'delete' else 'all'
            end as command,
            p.polqual is not null as has_using,
            p.polwithcheck is not null as has_check,
            f.floor
          from pg_policy as p
          join lateral (
              select pg_get_expr(q.polqual, q.polrelid) as floor
                from pg_policy as q
               where q.polrelid = p.polrelid
                 and not q.polpermissive
          ) as f on true
         where p.polpermissive
    loop
        execute format('drop policy %I on %s', item.polname, item.relation);
        if 'authenticated'::regrole = any (item.polroles) then
            execute format(
                'create policy %I on %s for %s to authenticated %s %s',
                item.polname, item.relation, item.command,
                case when item.has_using then format('using (%s)', item.floor) end,
                case when item.has_check then format('with check (%s)', item.floor) end
            );
        end if;
    end loop;
end;
$$
"""
# what the floor of a global table compares, instead of agency_id
GLOBAL_IDENTITY = ["id", "user_id"]
# the same rows for every agency: there is no row of another
SHARED = {"ai.embedding_models"}


@pytest.fixture(scope="module")
def weaker(cluster: Databases) -> Iterator[Database]:
    """The weaker database, once it is sure that it is weaker."""
    with cluster.migrated() as database:
        with database.connect(row_factory=dict_row) as connection:
            assert catalogue.check_floor(connection) == []
            assert catalogue.check_policies_state_the_tenant(connection) == []
            connection.execute(WEAKEN.encode())
        yield database


def verdicts(database: Database, mode: str, directory: Path, identity: list[str]) -> dict[str, str]:
    """Table to verdict of one mode of `pgrls verify`."""
    config = directory / "pgrls.toml"
    config.write_text(
        f"[database]\nschemas = {json.dumps(list(SCHEMAS))}\n"
        f"[lint.rules.SEC021]\nidentity_columns = {json.dumps(identity)}\n"
    )
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pgrls", "verify"),
            *("--config", str(config), "--database-url", database.url(), "--format", "json"),
            *("--auth-function", "app.agency_id", "--auth-function", "app.user_id"),
            *("--mode", mode),
        ],
        env=program_environment(None),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip(), done.stderr
    return {one["table"]: one["verdict"].upper() for one in json.loads(done.stdout)["tables"]}


@pytest.mark.parametrize("mode", ["anon", "cross-tenant", "write"])
def test_every_table_is_proven(weaker: Database, tmp_path: Path, mode: str) -> None:
    found = verdicts(weaker, mode, tmp_path, ["agency_id"])
    others = verdicts(weaker, mode, tmp_path, GLOBAL_IDENTITY)
    proved = {
        table: (others if table in catalogue.GLOBAL_TABLES else found)[table] for table in found
    }
    with weaker.connect(row_factory=dict_row) as connection:
        assert proved.keys() == catalogue.tables(connection) | catalogue.partitions(connection)
    verdict = {table: what for table, what in proved.items() if table not in SHARED}
    assert set(verdict.values()) == {"ISOLATED"}, proved


@pytest.mark.parametrize("mode", ["cross-tenant", "write"])
def test_a_policy_without_the_equality_is_a_leak(
    database: Database, tmp_path: Path, mode: str
) -> None:
    """The control: the same proof fails where there is no floor."""
    with database.connect(row_factory=dict_row) as connection:
        connection.execute(WEAKEN.encode())
        connection.execute('drop policy "tenant floor" on tenancy.teams')
        connection.execute(
            "create policy more on tenancy.teams to authenticated"
            " using (agency_id = (select app.agency_id()) or name <> '')"
            " with check (agency_id = (select app.agency_id()) or name <> '')"
        )
    found = verdicts(database, mode, tmp_path, ["agency_id"])
    assert found["tenancy.teams"] == "LEAK"
    assert found["tenancy.invitations"] == "ISOLATED"
