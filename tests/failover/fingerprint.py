"""What decides who may do what, in one node's catalogue: as lines to compare, and as one hash.

Names instead of oids, and every list sorted, so that two nodes that mean the same say the same.
"""

import difflib
import hashlib
from dataclasses import dataclass

from tests.failover.reach import Reach, connect

QUERY = """
with role as (
    select oid, rolname::text as name from pg_roles
    union all
    select 0, 'public'
), ours as (
    select oid, nspname::text as name
      from pg_namespace
     where not starts_with(nspname, 'pg_')
       and nspname <> 'information_schema'
), acl (kind, object, entries) as (
    select 'grant on relation', c.oid::regclass::text, c.relacl
      from pg_class as c
     where not starts_with(c.relnamespace::regnamespace::text, 'pg_t')
    union all
    select 'grant on column', a.attrelid::regclass || '.' || a.attname, a.attacl
      from pg_attribute as a
    union all
    select 'grant on function', p.oid::regprocedure::text, p.proacl
      from pg_proc as p
    union all
    select 'grant on schema', n.nspname, n.nspacl
      from pg_namespace as n
     where not starts_with(n.nspname, 'pg_t')
    union all
    select 'grant on type', t.oid::regtype::text, t.typacl
      from pg_type as t
    union all
    select 'grant on language', l.lanname, l.lanacl
      from pg_language as l
    union all
    select 'grant on parameter', s.parname, s.paracl
      from pg_parameter_acl as s
    union all
    select 'grant on database', d.datname, d.datacl
      from pg_database as d
     where d.datname = current_database()
    union all
    select
        'default grant',
        concat_ws(' ', r.name, 'in', coalesce(n.nspname, 'every schema'), d.defaclobjtype),
        d.defaclacl
      from pg_default_acl as d
      join role as r on r.oid = d.defaclrole
      left join pg_namespace as n on n.oid = d.defaclnamespace
), line (kind, object, said) as (
    select
        'policy',
        p.schemaname || '.' || p.tablename || ' ' || p.policyname,
        concat_ws(
            ' ', p.permissive, 'for', p.cmd, 'to', array_to_string(p.roles, ','),
            'using', p.qual, 'check', p.with_check
        )
      from pg_policies as p
    union all
    select
        'relation',
        c.oid::regclass::text,
        concat_ws(
            ' ', c.relkind, 'of', r.name, 'rls', c.relrowsecurity, 'forced', c.relforcerowsecurity,
            case when c.relkind = 'v' then array_to_string(c.reloptions, ',') end
        )
      from pg_class as c
      join ours as n on n.oid = c.relnamespace
      join role as r on r.oid = c.relowner
     where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
    union all
    select 'schema', n.nspname, 'of ' || r.name
      from pg_namespace as n
      join ours as o on o.oid = n.oid
      join role as r on r.oid = n.nspowner
    union all
    select
        a.kind,
        a.object,
        (
            select string_agg(
                       concat(
                           g.name, '=', e.privilege_type, case when e.is_grantable then '*' end,
                           '/', b.name
                       ),
                       ' ' order by g.name, e.privilege_type, b.name
                   )
              from aclexplode(a.entries) as e
              left join role as g on g.oid = e.grantee
              left join role as b on b.oid = e.grantor
        )
      from acl as a
     where a.entries is not null
    union all
    select
        'role',
        r.rolname,
        concat_ws(
            ' ', 'super', r.rolsuper, 'inherit', r.rolinherit, 'createrole', r.rolcreaterole,
            'createdb', r.rolcreatedb, 'login', r.rolcanlogin, 'replication', r.rolreplication,
            'bypassrls', r.rolbypassrls, 'limit', r.rolconnlimit, 'until', r.rolvaliduntil,
            'password', left(encode(sha256(convert_to(r.rolpassword, 'utf8')), 'hex'), 12)
        )
      from pg_authid as r
    union all
    select
        'membership',
        m.name || ' in ' || g.name,
        concat_ws(
            ' ', 'by', b.name,
            -- 15 has fewer columns
            to_jsonb(a) - array['oid', 'roleid', 'member', 'grantor']
        )
      from pg_auth_members as a
      join role as m on m.oid = a.member
      join role as g on g.oid = a.roleid
      left join role as b on b.oid = a.grantor
    union all
    select
        'setting',
        coalesce(r.rolname, 'everybody') || ' in ' || coalesce(d.datname, 'every database'),
        (select string_agg(e.entry, ', ' order by e.entry) from unnest(s.setconfig) as e (entry))
      from pg_db_role_setting as s
      left join pg_roles as r on r.oid = s.setrole
      left join pg_database as d on d.oid = s.setdatabase
    union all
    select
        'function',
        p.oid::regprocedure::text,
        concat_ws(
            ' ', 'of', r.name, case when p.prosecdef then 'security definer' end,
            case when p.proleakproof then 'leakproof' end, p.provolatile,
            array_to_string(p.proconfig, ','),
            left(encode(sha256(convert_to(p.prosrc, 'utf8')), 'hex'), 12)
        )
      from pg_proc as p
      join ours as n on n.oid = p.pronamespace
      join role as r on r.oid = p.proowner
    union all
    select
        'trigger',
        t.tgrelid::regclass || ' ' || t.tgname,
        concat_ws(' ', 'enabled', t.tgenabled, pg_get_triggerdef(t.oid))
      from pg_trigger as t
    union all
    select
        'event trigger',
        e.evtname,
        concat_ws(
            ' ', 'enabled', e.evtenabled, e.evtevent, e.evtfoid::regprocedure, r.name,
            array_to_string(e.evttags, ',')
        )
      from pg_event_trigger as e
      join role as r on r.oid = e.evtowner
    union all
    select 'extension', e.extname, e.extversion
      from pg_extension as e
)
select concat_ws(' ', l.kind, l.object || ':', l.said)
  from line as l
 order by 1
"""


@dataclass(frozen=True)
class Fingerprint:
    """The security of one node, readable."""

    lines: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """One hash over all lines."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()

    def difference(self, other: "Fingerprint") -> list[str]:
        """The lines that this one (-) and the other one (+) do not share."""
        return [
            line
            for line in difflib.unified_diff(self.lines, other.lines, lineterm="", n=0)
            if not line.startswith(("---", "+++", "@@"))
        ]


def fingerprint(reach: Reach, through: str) -> Fingerprint:
    """Read it, in one READ ONLY transaction.

    Raises:
        psycopg.OperationalError: the node does not answer.
    """
    with connect(reach, "postgres", through=through) as connection:
        connection.read_only = True
        # names of relations and functions are written out in full
        connection.execute("set local search_path = pg_catalog")
        found = connection.execute(QUERY.encode()).fetchall()
    return Fingerprint(tuple(line for (line,) in found))
