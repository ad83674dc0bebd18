-- Whom a contact or a company might be as well: the same address, number or domain in its normalised form, or
-- a similar name. Live records that the caller sees, those with the same address first. It offers and decides
-- nothing; app.merge_contacts and app.merge_companies do. Empty when the caller does not see the record.
create or replace function app.duplicate_candidates(
    table_name text,
    record_id uuid,
    at_most integer default 20
)
returns table (id uuid, name text, same text[], similarity real)
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
    host text;
    mine text;
begin
    case duplicate_candidates.table_name
        when 'crm.contacts' then
            select c.full_name into mine
              from crm.contacts as c
             where c.agency_id = agency
               and c.id = duplicate_candidates.record_id;
            return query
            with
            known as (
                select p.kind, p.value_norm
                  from crm.contact_points as p
                 where p.agency_id = agency
                   and p.contact_id = duplicate_candidates.record_id
                   and p.deleted_at is null
                   and p.kind in ('email', 'phone')
            ),
            reached as (
                select o.contact_id, o.kind::text as same, null::real as similarity
                  from known as k
                  join crm.contact_points as o
                    on o.agency_id = agency
                   and o.value_norm = k.value_norm
                   and o.kind = k.kind
                   and o.deleted_at is null
                union all
                select n.id, null, n.similarity
                  from app.similar_names('contact', mine) as n
            ),
            found as (
                select
                    r.contact_id,
                    coalesce(array_agg(distinct r.same) filter (where r.same is not null), '{}') as same,
                    coalesce(max(r.similarity), 0) as similarity
                  from reached as r
                 group by r.contact_id
            )
            select c.id, c.full_name::text, f.same, f.similarity
              from found as f
              join crm.contacts as c
                on c.agency_id = agency
               and c.id = f.contact_id
               and c.deleted_at is null
             where c.id <> duplicate_candidates.record_id
             order by cardinality(f.same) desc, f.similarity desc, c.id
             limit least(duplicate_candidates.at_most, 100);
        when 'crm.companies' then
            select c.name, regexp_replace(c.domain, '^www\.', '') into mine, host
              from crm.companies as c
             where c.agency_id = agency
               and c.id = duplicate_candidates.record_id;
            return query
            with
            reached as (
                select c.id as company_id, 'domain' as same, null::real as similarity
                  from crm.companies as c
                 where c.agency_id = agency
                   and c.domain in (host, 'www.' || host)
                   and c.deleted_at is null
                union all
                select n.id, null, n.similarity
                  from app.similar_names('company', mine) as n
            ),
            found as (
                select
                    r.company_id,
                    coalesce(array_agg(distinct r.same) filter (where r.same is not null), '{}') as same,
                    coalesce(max(r.similarity), 0) as similarity
                  from reached as r
                 group by r.company_id
            )
            select c.id, c.name::text, f.same, f.similarity
              from found as f
              join crm.companies as c
                on c.agency_id = agency
               and c.id = f.company_id
               and c.deleted_at is null
             where c.id <> duplicate_candidates.record_id
             order by cardinality(f.same) desc, f.similarity desc, c.id
             limit least(duplicate_candidates.at_most, 100);
        else
            raise exception 'Duplicates are looked for among contacts and companies, not in %.',
                coalesce(duplicate_candidates.table_name, 'null')
                using errcode = '22023',
                hint = 'Give the table as crm.contacts or crm.companies.';
    end case;
end;
$function$;

revoke all on function app.duplicate_candidates(text, uuid, integer) from public;
grant execute on function app.duplicate_candidates(text, uuid, integer) to
    authenticated;

comment on function app.duplicate_candidates(text, uuid, integer) is
'Live records that I see which may be the same as this one: what they share, and how alike their names are.';
