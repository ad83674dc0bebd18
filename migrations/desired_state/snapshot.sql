-- The catalogue of our schemas: for each object its kind, its name, and everything about it as JSON.
--
-- Names instead of oids, and nothing that depends on when or in which order objects were made; so two
-- databases that behave alike give the same rows. A privilege is shown whether it was granted or is the default
-- of its kind: NULL and the default written out mean the same. Columns are numbered as they are seen, dropped
-- ones left out. Run it with search_path = pg_catalog, or names lose their schema (snapshot.py does).

with
managed as (
    select
        n.oid,
        n.nspname,
        n.nspowner,
        n.nspacl
    from pg_catalog.pg_namespace as n
    where n.nspname in (
        'app', 'tenancy', 'crm', 'ai', 'langgraph', 'integration', 'governance', 'audit', 'migration'
    )
),

relation as (
    select
        c.oid,
        m.nspname,
        c.relname,
        c.relkind,
        c.relowner,
        c.relacl,
        c.relpersistence,
        c.relrowsecurity,
        c.relforcerowsecurity,
        c.relreplident,
        c.relispartition,
        c.relpartbound,
        c.reloptions,
        c.relam,
        format('%I.%I', m.nspname, c.relname) as name
    from pg_catalog.pg_class as c
    inner join managed as m on m.oid = c.relnamespace
),

-- Tables, views and sequences, without indexes and TOAST.
named_relation as (
    select * from relation where relkind in ('r', 'p', 'v', 'm', 'f', 'S')
),

routine as (
    select
        p.oid,
        p.proowner,
        p.proacl,
        p.prokind,
        p.provolatile,
        p.proparallel,
        p.prosecdef,
        p.proleakproof,
        p.proisstrict,
        p.proconfig,
        format('%I.%I(%s)', m.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)) as name
    from pg_catalog.pg_proc as p
    inner join managed as m on m.oid = p.pronamespace
),

-- Types that somebody made; not the row types of tables, nor array and multirange types.
made_type as (
    select
        t.oid,
        t.typowner,
        t.typacl,
        t.typtype,
        t.typbasetype,
        t.typtypmod,
        t.typnotnull,
        t.typdefault,
        t.typcollation,
        t.typrelid,
        format('%I.%I', m.nspname, t.typname) as name
    from pg_catalog.pg_type as t
    inner join managed as m on m.oid = t.typnamespace
    left join pg_catalog.pg_class as c on c.oid = t.typrelid
    where t.typtype in ('e', 'd', 'r')
        or (t.typtype = 'c' and c.relkind = 'c')
),

acl_item as (
    select
        'pg_namespace'::regclass as class,
        n.oid,
        0 as part,
        coalesce(n.nspacl, acldefault('n', n.nspowner)) as acl
    from managed as n
    union all
    select
        'pg_class'::regclass,
        r.oid,
        0,
        coalesce(r.relacl, acldefault(case when r.relkind = 'S' then 's' else 'r' end::"char", r.relowner))
    from named_relation as r
    union all
    select
        'pg_class'::regclass,
        r.oid,
        a.attnum,
        a.attacl
    from named_relation as r
    inner join pg_catalog.pg_attribute as a on a.attrelid = r.oid
    where a.attacl is not null
    union all
    select
        'pg_proc'::regclass,
        p.oid,
        0,
        coalesce(p.proacl, acldefault('f', p.proowner))
    from routine as p
    union all
    select
        'pg_type'::regclass,
        t.oid,
        0,
        coalesce(t.typacl, acldefault('T', t.typowner))
    from made_type as t
    union all
    select
        'pg_default_acl'::regclass,
        d.oid,
        0,
        d.defaclacl
    from pg_catalog.pg_default_acl as d
),

privileges as (
    select
        i.class,
        i.oid,
        i.part,
        jsonb_agg(g.entry order by g.entry collate "C") as acl
    from acl_item as i
    cross join lateral (
        select
            concat(
                case when e.grantee = 0 then 'public' else pg_catalog.pg_get_userbyid(e.grantee) end,
                ': ',
                lower(e.privilege_type),
                case when e.is_grantable then ' with grant option' end,
                ' by ',
                pg_catalog.pg_get_userbyid(e.grantor)
            ) as entry
        from aclexplode(i.acl) as e
        -- 17 gives every owner one privilege more; granted to others it is seen
        where e.privilege_type <> 'MAINTAIN' or e.grantee <> e.grantor
    ) as g
    group by i.class, i.oid, i.part
),

column_of as (
    select
        r.oid as relid,
        r.name as relation,
        a.attname,
        a.attnum,
        a.atttypid,
        a.atttypmod,
        a.attnotnull,
        a.attidentity,
        a.attgenerated,
        a.attcollation,
        a.attstorage,
        a.attcompression,
        a.attoptions,
        nullif(a.attstattarget, -1) as attstattarget,
        a.attislocal,
        row_number() over (partition by r.oid order by a.attnum) as position
    from (
        select
            oid,
            name
        from named_relation
        where relkind <> 'S'
        union all
        select
            typrelid,
            name
        from made_type
        where typtype = 'c'
    ) as r
    inner join pg_catalog.pg_attribute as a on a.attrelid = r.oid
    where a.attnum > 0
        and not a.attisdropped
)

select
    'schema' as kind,
    quote_ident(n.nspname) as name,
    jsonb_build_object(
        'owner', pg_catalog.pg_get_userbyid(n.nspowner),
        'acl', coalesce(g.acl, '[]'),
        'comment', pg_catalog.obj_description(n.oid, 'pg_namespace')
    ) as detail
from managed as n
left join privileges as g on g.class = 'pg_namespace'::regclass and g.oid = n.oid

union all

select
    case r.relkind when 'v' then 'view' when 'm' then 'view' when 'S' then 'sequence' else 'table' end,
    r.name,
    jsonb_build_object(
        'relkind', r.relkind,
        'owner', pg_catalog.pg_get_userbyid(r.relowner),
        'acl', coalesce(g.acl, '[]'),
        'comment', pg_catalog.obj_description(r.oid, 'pg_class'),
        'persistence', r.relpersistence,
        'row_security', r.relrowsecurity,
        'force_row_security', r.relforcerowsecurity,
        'replica_identity', r.relreplident,
        'access_method', am.amname,
        'options', (select jsonb_agg(o order by o collate "C") from unnest(r.reloptions) as o),
        'partition_key', case when r.relkind = 'p' then pg_catalog.pg_get_partkeydef(r.oid) end,
        'partition_bound', pg_catalog.pg_get_expr(r.relpartbound, r.oid),
        'parents', (
            select jsonb_agg(i.inhparent::regclass::text order by i.inhseqno)
            from pg_catalog.pg_inherits as i
            where i.inhrelid = r.oid
        ),
        'definition', case when r.relkind in ('v', 'm') then pg_catalog.pg_get_viewdef(r.oid) end,
        'disabled_constraint_triggers', (
            select jsonb_agg(distinct k.conname)
            from pg_catalog.pg_trigger as t
            inner join pg_catalog.pg_constraint as k on k.oid = t.tgconstraint
            where t.tgrelid = r.oid
                and t.tgisinternal
                and t.tgenabled <> 'O'
        )
    ) || case
        when s.seqrelid is null then '{}'::jsonb
        else jsonb_build_object(
            'type', format_type(s.seqtypid, null),
            'range', jsonb_build_array(s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle),
            'owned_by', (
                select format('%s.%I', d.refobjid::regclass, a.attname)
                from pg_catalog.pg_depend as d
                inner join pg_catalog.pg_attribute as a
                    on a.attrelid = d.refobjid
                    and a.attnum = d.refobjsubid
                where d.classid = 'pg_class'::regclass
                    and d.objid = r.oid
                    and d.deptype in ('a', 'i')
            )
        )
    end
from named_relation as r
left join privileges as g on g.class = 'pg_class'::regclass and g.oid = r.oid and g.part = 0
left join pg_catalog.pg_am as am on am.oid = r.relam
left join pg_catalog.pg_sequence as s on s.seqrelid = r.oid

union all

select
    'column',
    format('%s.%I', c.relation, c.attname),
    jsonb_build_object(
        'position', c.position,
        'type', format_type(c.atttypid, c.atttypmod),
        'not_null', c.attnotnull,
        'default', pg_catalog.pg_get_expr(d.adbin, d.adrelid),
        'identity', c.attidentity,
        'generated', c.attgenerated,
        'collation', case when c.attcollation <> t.typcollation then c.attcollation::regcollation::text end,
        'storage', c.attstorage,
        'compression', c.attcompression,
        'statistics', c.attstattarget,
        -- From 15.20 on PostgreSQL keeps a counter of its own here, which differs at every creation.
        'options', (
            select jsonb_agg(o order by o collate "C")
            from unnest(c.attoptions) as o
            where o not like 'pg\_attver=%'
        ),
        'local', c.attislocal,
        'acl', coalesce(g.acl, '[]'),
        'comment', pg_catalog.col_description(c.relid, c.attnum)
    )
from column_of as c
inner join pg_catalog.pg_type as t on t.oid = c.atttypid
left join pg_catalog.pg_attrdef as d on d.adrelid = c.relid and d.adnum = c.attnum
left join privileges as g on g.class = 'pg_class'::regclass and g.oid = c.relid and g.part = c.attnum

union all

select
    'constraint',
    format('%s.%I', coalesce(r.name, t.name), k.conname),
    jsonb_build_object(
        'type', k.contype,
        'definition', pg_catalog.pg_get_constraintdef(k.oid),
        'validated', k.convalidated,
        'deferrable', k.condeferrable,
        'deferred', k.condeferred,
        'inherited', k.conparentid <> 0 or k.coninhcount > 0,
        'comment', pg_catalog.obj_description(k.oid, 'pg_constraint')
    )
from pg_catalog.pg_constraint as k
left join named_relation as r on r.oid = k.conrelid
left join made_type as t on t.oid = k.contypid
where coalesce(r.name, t.name) is not null
    -- 18 has a constraint for what is a property of the column before
    and k.contype <> 'n'

union all

select
    'index',
    r.name,
    jsonb_build_object(
        'table', i.indrelid::regclass::text,
        'definition', pg_catalog.pg_get_indexdef(i.indexrelid),
        'valid', i.indisvalid,
        'ready', i.indisready,
        'live', i.indislive,
        'primary', i.indisprimary,
        'clustered', i.indisclustered,
        'replica_identity', i.indisreplident,
        'parents', (
            select jsonb_agg(h.inhparent::regclass::text order by h.inhseqno)
            from pg_catalog.pg_inherits as h
            where h.inhrelid = r.oid
        ),
        'comment', pg_catalog.obj_description(r.oid, 'pg_class')
    )
from pg_catalog.pg_index as i
inner join relation as r on r.oid = i.indexrelid

union all

select
    'policy',
    format('%s.%I', r.name, p.polname),
    jsonb_build_object(
        'command', p.polcmd,
        'permissive', p.polpermissive,
        'roles', (
            select jsonb_agg(x.name order by x.name collate "C")
            from unnest(p.polroles) as o
            cross join lateral (
                select case when o = 0 then 'public' else pg_catalog.pg_get_userbyid(o)::text end as name
            ) as x
        ),
        'using', pg_catalog.pg_get_expr(p.polqual, p.polrelid),
        'check', pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid),
        'comment', pg_catalog.obj_description(p.oid, 'pg_policy')
    )
from pg_catalog.pg_policy as p
inner join named_relation as r on r.oid = p.polrelid

union all

select
    'function',
    p.name,
    jsonb_build_object(
        'owner', pg_catalog.pg_get_userbyid(p.proowner),
        'acl', coalesce(g.acl, '[]'),
        'definition', case when p.prokind <> 'a' then pg_catalog.pg_get_functiondef(p.oid) end,
        'kind', p.prokind,
        'volatility', p.provolatile,
        'parallel', p.proparallel,
        'security_definer', p.prosecdef,
        'leakproof', p.proleakproof,
        'strict', p.proisstrict,
        'settings', (select jsonb_agg(s order by s collate "C") from unnest(p.proconfig) as s),
        'comment', pg_catalog.obj_description(p.oid, 'pg_proc')
    )
from routine as p
left join privileges as g on g.class = 'pg_proc'::regclass and g.oid = p.oid

union all

select
    'trigger',
    format('%s.%I', r.name, t.tgname),
    jsonb_build_object(
        'definition', pg_catalog.pg_get_triggerdef(t.oid),
        'enabled', t.tgenabled,
        'inherited', t.tgparentid <> 0,
        'comment', pg_catalog.obj_description(t.oid, 'pg_trigger')
    )
from pg_catalog.pg_trigger as t
inner join named_relation as r on r.oid = t.tgrelid
where not t.tgisinternal

union all

select
    'rule',
    format('%s.%I', r.name, w.rulename),
    jsonb_build_object(
        'definition', pg_catalog.pg_get_ruledef(w.oid),
        'enabled', w.ev_enabled,
        'comment', pg_catalog.obj_description(w.oid, 'pg_rewrite')
    )
from pg_catalog.pg_rewrite as w
inner join named_relation as r on r.oid = w.ev_class
where w.rulename <> '_RETURN'

union all

select
    'statistics',
    format('%I.%I', m.nspname, s.stxname),
    jsonb_build_object(
        'owner', pg_catalog.pg_get_userbyid(s.stxowner),
        'definition', pg_catalog.pg_get_statisticsobjdef(s.oid),
        'comment', pg_catalog.obj_description(s.oid, 'pg_statistic_ext')
    )
from pg_catalog.pg_statistic_ext as s
inner join managed as m on m.oid = s.stxnamespace

union all

select
    'type',
    t.name,
    jsonb_build_object(
        'typtype', t.typtype,
        'owner', pg_catalog.pg_get_userbyid(t.typowner),
        'acl', coalesce(g.acl, '[]'),
        'labels', (
            select jsonb_agg(e.enumlabel order by e.enumsortorder)
            from pg_catalog.pg_enum as e
            where e.enumtypid = t.oid
        ),
        'base', case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end,
        'not_null', t.typnotnull,
        'default', t.typdefault,
        'collation', case when t.typcollation <> 0 then t.typcollation::regcollation::text end,
        'range_of', (
            select format_type(r.rngsubtype, null)
            from pg_catalog.pg_range as r
            where r.rngtypid = t.oid
        ),
        'comment', pg_catalog.obj_description(t.oid, 'pg_type')
    )
from made_type as t
left join privileges as g on g.class = 'pg_type'::regclass and g.oid = t.oid

union all

select
    'default_privileges',
    format(
        '%I %s %s',
        pg_catalog.pg_get_userbyid(d.defaclrole),
        case when d.defaclnamespace = 0 then 'everywhere' else d.defaclnamespace::regnamespace::text end,
        d.defaclobjtype
    ),
    jsonb_build_object('acl', coalesce(g.acl, '[]'))
from pg_catalog.pg_default_acl as d
left join privileges as g on g.class = 'pg_default_acl'::regclass and g.oid = d.oid
where d.defaclnamespace = 0
    or d.defaclnamespace in (select m.oid from managed as m)

union all

select
    'publication',
    format('%I %s', p.pubname, r.name),
    jsonb_build_object(
        'row_filter', pg_catalog.pg_get_expr(pr.prqual, pr.prrelid),
        'columns', pr.prattrs::text
    )
from pg_catalog.pg_publication_rel as pr
inner join pg_catalog.pg_publication as p on p.oid = pr.prpubid
inner join named_relation as r on r.oid = pr.prrelid

order by 1, 2;
