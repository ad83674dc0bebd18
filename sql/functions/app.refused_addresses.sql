-- Which of these addresses a bound import cannot give to a new person, as kind:value to SQLSTATE: taken by a
-- live contact, seen by the owner of the import or not (23505), or erased (23514). Known beforehand, such a
-- line costs no rollback of those that are written with it; the unique rule and app.check_suppression decide
-- all the same.
--
-- SECURITY DEFINER: it looks past what the owner sees. So it answers the workers only, who tell nobody but by
-- the error of a line, as the unique rule itself does.
set local role gardenos_crm_writer;

create or replace function app.refused_addresses(norms text[])
returns jsonb
language plpgsql
stable
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    kinds constant app.point_kind[] := '{email,phone}';
begin
    if session_user <> 'gardenos_worker' or proof.membership_id is null then
        raise exception 'Only a bound import asks which addresses are refused.'
            using errcode = '42501';
    end if;
    return (
        select coalesce(jsonb_object_agg(f.key, f.code), '{}')
          from (
              select p.kind || ':' || p.value_norm as key, '23505' as code
                from crm.contact_points as p
               where p.agency_id = proof.agency_id
                 and p.kind = any(kinds)
                 and p.value_norm = any(norms)
                 and p.deleted_at is null
                 and not p.is_shared
              union all
              select k.kind || ':' || n.norm, '23514'
                from unnest(norms) as n (norm)
               cross join unnest(kinds) as k (kind)
                join governance.suppressions as s
                  on s.agency_id = proof.agency_id
                 and s.kind = k.kind
                 and s.value_hash = app.suppression_hash(proof.agency_id, k.kind, n.norm)
          ) as f
    );
end;
$function$;

revoke all on function app.refused_addresses(text[]) from public;
grant execute on function app.refused_addresses(text[]) to
    authenticated;

comment on function app.refused_addresses(text[]) is
'Which addresses a bound import cannot give to a new person, and why.';

set local role gardenos_owner;
