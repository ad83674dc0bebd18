-- Is a seal that was exported still there, as it was? False when the chain was cut off before it or written
-- anew. audit.verify says whether the chain up to it holds.
create or replace function audit.holds(agency uuid, seal bigint, seal_hash text)
returns boolean
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
    select exists (
        select 1
          from audit.seals as s
         where s.agency_id = holds.agency
           and s.seq = holds.seal
           and encode(s.seal_hash, 'hex') = holds.seal_hash
    );
$function$;

revoke all on function audit.holds(uuid, bigint, text) from public;
grant execute on function audit.holds(uuid, bigint, text) to
    authenticated,
    service_role,
    gardenos_auditor;

comment on function audit.holds(uuid, bigint, text) is
'True when this seal, as exported by audit.head, is still in the chain.';
