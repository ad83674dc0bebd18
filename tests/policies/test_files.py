"""The files of `sql/` and `policies/` say what the database has, and nothing else is there."""

import re
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import tuple_row

from migrations.desired_state import recorders
from migrations.desired_state.snapshot import difference, snapshot
from tests.database import ROOT, Database
from tests.policies import catalogue
from tests.policies.access import Connection

FUNCTIONS = sorted((ROOT / "sql" / "functions").glob("*.sql"))
FOLDERS = ("sql/functions", "sql/views", "sql/triggers", "policies")
DROP_POLICIES = """
do $$
declare
    item record;
begin
    for item in
        select p.polname, p.polrelid::regclass as relation
          from pg_policy as p
          join pg_class as c on c.oid = p.polrelid
         where c.relnamespace::regnamespace::text = any (%s)
    loop
        execute format('drop policy %%I on %%s', item.polname, item.relation);
    end loop;
end;
$$
"""


def test_each_function_has_its_file(superuser: Connection) -> None:
    names = {name.partition("(")[0] for name in catalogue.functions(superuser)}
    assert {file.stem for file in FUNCTIONS} == names
    assert len(names) == len(catalogue.functions(superuser)), "a name is overloaded"


@pytest.mark.parametrize("file", FUNCTIONS, ids=lambda file: file.stem)
def test_body_is_that_of_the_file(superuser: Connection, file: Path) -> None:
    (body,) = (
        function["body"]
        for name, function in catalogue.functions(superuser).items()
        if name.partition("(")[0] == file.stem
    )
    written = re.search(r"\$function\$(.*)\$function\$", file.read_text(encoding="utf-8"), re.S)
    assert written is not None
    assert body == written.group(1)


def test_each_table_has_its_policies(superuser: Connection) -> None:
    files = {file.stem for file in (ROOT / "policies").glob("*.sql")}
    assert files == catalogue.tables(superuser) | {
        "migration.alembic_version",
        "migration.epochs",
        "migration.machinery",
        "migration.seal_keys",
    }


def test_recorders_are_what_the_columns_ask_for(superuser: Connection) -> None:
    """A column that is new must be in the function that records its table."""
    with superuser.cursor(row_factory=tuple_row) as cursor:
        for path, text in recorders.texts(cursor).items():
            assert path.read_text(encoding="utf-8") == text, path.name


def test_replayed_files_change_nothing(database: Database) -> None:
    """All policies dropped and every file run again: the catalogue is the same as before.

    Run as the migrator runs a revision, so it also shows that the files need no superuser.
    """
    with database.connect("postgres", autocommit=True) as reader:
        before = snapshot(reader)
    with database.connect("gardenos_migrator") as migrator:
        migrator.execute("set role gardenos_owner")
        literal = psycopg.sql.Literal(catalogue.OURS).as_string(migrator)
        migrator.execute((DROP_POLICIES % literal).encode())
        for folder in FOLDERS:
            for file in sorted((ROOT / folder).glob("*.sql")):
                migrator.execute(file.read_bytes())
        after = snapshot(migrator)
        replaced = migrator.execute(
            """
            select 'function ' || p.oid::regprocedure
              from pg_proc as p
             where p.pronamespace::regnamespace::text = any (%(ours)s)
               and p.xmin <> pg_current_xact_id()::xid
            union all
            select 'trigger ' || t.tgname || ' on ' || t.tgrelid::regclass
              from pg_trigger as t
              join pg_class as c on c.oid = t.tgrelid
             where c.relnamespace::regnamespace::text = any (%(ours)s)
               and not t.tgisinternal
               and t.xmin <> pg_current_xact_id()::xid
            """,
            {"ours": catalogue.OURS},
        ).fetchall()
        migrator.rollback()
    assert difference(before, after) == []
    assert replaced == [], "there is no file of these"
