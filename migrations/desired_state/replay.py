"""Makes a scratch database look like the files, inside a transaction that is rolled back.

The files are run on top of head: PostgreSQL itself puts both sides into its own words, so no text
is ever compared with a text that somebody wrote. Before that, everything a file could only add to
is taken away, or what was removed from a file would stay unseen: policies, row-level security,
privileges, comments. What no file made again is an object that nobody declares.

AccessExclusive locks on every table: only ever on a scratch database.
"""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from migrations.desired_state.declared import DECLARED
from migrations.desired_state.snapshot import Snapshot, snapshot
from migrations.desired_state.sources import OWNER, Source, SourceError
from migrations.runner.settings import SCHEMAS

# Where the row of each object that files make is stored. A file that runs stores a new version of
# it elsewhere, in whichever (sub)transaction, so an object whose place stays was made by no file.
PLACES = """
select 'function', pg_catalog.format('%%I.%%I(%%s)', n.nspname, p.proname,
    pg_catalog.pg_get_function_identity_arguments(p.oid)), p.ctid::text
from pg_catalog.pg_proc as p
join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
where n.nspname = any(%(schemas)s)
union all
select 'trigger', pg_catalog.format('%%I.%%I.%%I', n.nspname, c.relname, t.tgname), t.ctid::text
from pg_catalog.pg_trigger as t
join pg_catalog.pg_class as c on c.oid = t.tgrelid
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = any(%(schemas)s) and not t.tgisinternal and t.tgparentid = 0
union all
select 'view', pg_catalog.format('%%I.%%I', n.nspname, c.relname), r.ctid::text
from pg_catalog.pg_rewrite as r
join pg_catalog.pg_class as c on c.oid = r.ev_class
join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
where n.nspname = any(%(schemas)s) and c.relkind = 'v' and r.rulename = '_RETURN'
"""

# Not the owner; another return type or other argument names; other columns of a view.
CANNOT_REPLACE = ("42501", "42P13", "42P16")

RESET = """
do $reset$
declare
    managed constant text [] := %(schemas)s;
    item record;
begin
    for item in
        select
            p.polname,
            p.polrelid::regclass as relation
          from pg_catalog.pg_policy as p
          join pg_catalog.pg_class as c on c.oid = p.polrelid
         where c.relnamespace::regnamespace::text = any (managed)
    loop
        execute format('drop policy %%I on %%s', item.polname, item.relation);
    end loop;

    for item in
        select c.oid::regclass as relation
          from pg_catalog.pg_class as c
         where c.relnamespace::regnamespace::text = any (managed)
           and c.relkind in ('r', 'p')
           and not c.relispartition
           and (c.relrowsecurity or c.relforcerowsecurity)
    loop
        execute format(
            'alter table %%s disable row level security, no force row level security', item.relation
        );
    end loop;

    for item in
        select
            t.what,
            t.object,
            string_agg(
                case when t.grantee = 0 then 'public' else t.grantee::regrole::text end, ', '
            ) as grantees
          from (
                select distinct
                    'table' as what,
                    c.oid::regclass::text as object,
                    a.grantee
                  from pg_catalog.pg_class as c
                  left join pg_catalog.pg_attribute as t on t.attrelid = c.oid
                 cross join lateral (
                     select * from pg_catalog.aclexplode(c.relacl)
                     union all
                     select * from pg_catalog.aclexplode(t.attacl)
                 ) as a
                 where c.relnamespace::regnamespace::text = any (managed)
                   and c.relkind in ('r', 'p', 'v', 'm', 'f')
                   and not c.relispartition
                   and a.grantee <> c.relowner
                union all
                select distinct
                    'sequence',
                    c.oid::regclass::text,
                    a.grantee
                  from pg_catalog.pg_class as c
                 cross join lateral pg_catalog.aclexplode(c.relacl) as a
                 where c.relnamespace::regnamespace::text = any (managed)
                   and c.relkind = 'S'
                   and a.grantee <> c.relowner
                union all
                select distinct
                    'routine',
                    p.oid::regprocedure::text,
                    a.grantee
                  from pg_catalog.pg_proc as p
                 cross join lateral pg_catalog.aclexplode(
                     coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))
                 ) as a
                 where p.pronamespace::regnamespace::text = any (managed)
                   and a.grantee <> p.proowner
                union all
                select distinct
                    'schema',
                    quote_ident(n.nspname),
                    a.grantee
                  from pg_catalog.pg_namespace as n
                 cross join lateral pg_catalog.aclexplode(n.nspacl) as a
                 where n.nspname = any (managed)
                   and a.grantee <> n.nspowner
               ) as t
         group by t.what, t.object
    loop
        execute format(
            'revoke all on %%s %%s from %%s cascade', item.what, item.object, item.grantees
        );
    end loop;

    for item in
        select
            format('function %%s', p.oid::regprocedure) as object
          from pg_catalog.pg_proc as p
         where p.pronamespace::regnamespace::text = any (managed)
           and p.prokind in ('f', 'w')
           and pg_catalog.obj_description(p.oid, 'pg_proc') is not null
        union all
        select format('trigger %%I on %%s', t.tgname, t.tgrelid::regclass)
          from pg_catalog.pg_trigger as t
          join pg_catalog.pg_class as c on c.oid = t.tgrelid
         where c.relnamespace::regnamespace::text = any (managed)
           and pg_catalog.obj_description(t.oid, 'pg_trigger') is not null
        union all
        select format('view %%s', c.oid::regclass)
          from pg_catalog.pg_class as c
         where c.relnamespace::regnamespace::text = any (managed)
           and c.relkind = 'v'
           and pg_catalog.obj_description(c.oid, 'pg_class') is not null
    loop
        execute format('comment on %%s is null', item.object);
    end loop;

    for item in
        select
            d.defaclrole::regrole as creator,
            d.defaclnamespace,
            case d.defaclobjtype
                when 'r' then 'tables'
                when 'S' then 'sequences'
                when 'f' then 'functions'
                when 'T' then 'types'
                when 'n' then 'schemas'
            end as what,
            a.grantee
          from pg_catalog.pg_default_acl as d
         cross join lateral pg_catalog.aclexplode(d.defaclacl) as a
         where (
                   d.defaclnamespace = 0
                   or d.defaclnamespace::regnamespace::text = any (managed)
               )
           and a.grantee <> d.defaclrole
           and d.defaclobjtype in ('r', 'S', 'f', 'T', 'n')
    loop
        execute format(
            'alter default privileges for role %%s %%s revoke all on %%s from %%s',
            item.creator,
            case
                when item.defaclnamespace <> 0
                    then 'in schema ' || item.defaclnamespace::regnamespace::text
            end,
            item.what,
            case when item.grantee = 0 then 'public' else item.grantee::regrole::text end
        );
    end loop;
end;
$reset$
"""


@dataclass(frozen=True)
class Replayed:
    """Both sides of a comparison."""

    head: Snapshot
    files: Snapshot
    undeclared: frozenset[tuple[str, str]]


def replay(
    connection: psycopg.Connection[Any], bootstrap: list[Source], sources: list[Source]
) -> Replayed:
    """Compare what revisions made with what the files say.

    Args:
        connection: a superuser's session on a scratch database at head; it is left as it was.
        bootstrap: run as the superuser.
        sources: run as the owner, each as its first statement asks.

    Returns:
        the catalogue at head, the catalogue after the files, and what no file made.

    Raises:
        SourceError: a file fails; the message names it and quotes PostgreSQL.
    """
    head = snapshot(connection, DECLARED)
    with connection.transaction(force_rollback=True):
        connection.execute("set local check_function_bodies = off")
        connection.execute(_with_schemas(RESET, connection))
        before = _places(connection)
        for source in bootstrap:
            _run(connection, source)
        if not _run_together(connection, sources):
            for source in sources:
                connection.execute(f"set local role {OWNER}".encode())
                _run_or_make_room(connection, source)
        connection.execute("reset role")
        after = _places(connection)
        files = snapshot(connection, DECLARED)
    undeclared = frozenset(key for key, place in after.items() if before.get(key) == place)
    return Replayed(head, files, undeclared)


def _places(connection: psycopg.Connection[Any]) -> dict[tuple[str, str], str]:
    rows = connection.execute(PLACES.encode(), {"schemas": list(SCHEMAS)}).fetchall()
    return {(kind, name): place for kind, name, place in rows}


def _with_schemas(statement: str, connection: psycopg.Connection[Any]) -> bytes:
    listed = sql.Literal(list(SCHEMAS)).as_string(connection)
    return (statement % {"schemas": listed}).encode()


def _run_together(connection: psycopg.Connection[Any], sources: list[Source]) -> bool:
    """Run all files in one message, the fastest way; false when one of them fails."""
    texts = "".join(f"set local role {OWNER};\n{source.text}\n" for source in sources)
    try:
        with connection.transaction():
            connection.execute(texts.encode())
    except psycopg.Error:
        return False
    return True


def _run(connection: psycopg.Connection[Any], source: Source) -> None:
    try:
        with connection.transaction():
            connection.execute(source.text.encode())
    except psycopg.Error as error:
        line = error.diag.statement_position
        at = f":{source.text.count(chr(10), 0, int(line)) + 1}" if line else ""
        raise SourceError(
            f"{source.name}{at} cannot be replayed: {error.diag.message_primary} "
            f"[{error.sqlstate}]; correct the file."
        ) from error


def _run_or_make_room(connection: psycopg.Connection[Any], source: Source) -> None:
    """Run a file; where head has the function or view in a way that cannot be replaced, drop it.

    Another owner, return type, argument names or list of columns: CREATE OR REPLACE refuses these,
    and rightly, but they are differences to be shown, not faults of the file.
    """
    try:
        _run(connection, source)
    except SourceError as error:
        cause = error.__cause__
        if not isinstance(cause, psycopg.Error) or cause.sqlstate not in CANNOT_REPLACE:
            raise
        connection.execute("reset role")
        if not _make_room(connection, source):
            raise
        connection.execute(f"set local role {OWNER}".encode())
        _run(connection, source)


def _make_room(connection: psycopg.Connection[Any], source: Source) -> bool:
    """Drop what the file is named after; false when there is nothing of that name."""
    schema, _, name = source.path.stem.partition(".")
    rows = connection.execute(
        """
        select format('drop routine %%s cascade', p.oid::regprocedure)
        from pg_catalog.pg_proc as p
        where p.pronamespace::regnamespace::text = %(schema)s and p.proname = %(name)s
        union all
        select format('drop view %%s cascade', c.oid::regclass)
        from pg_catalog.pg_class as c
        where c.relnamespace::regnamespace::text = %(schema)s and c.relname = %(name)s
            and c.relkind = 'v'
        """,
        {"schema": schema, "name": name},
    ).fetchall()
    for (statement,) in rows:
        connection.execute(statement.encode())
    return bool(rows)
