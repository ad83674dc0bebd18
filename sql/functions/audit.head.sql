-- The end of a chain: export it to a place that the database cannot reach (a ledger, a notary, a mail to
-- the customer), and nothing before it can be cut off or written anew unseen.
create or replace function audit.head(
    agency uuid,
    out seal bigint,
    out seal_hash text,
    out sealed_at timestamptz
)
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
    select
        s.seq,
        encode(s.seal_hash, 'hex'),
        s.sealed_at
      from audit.seals as s
     where s.agency_id = head.agency
     order by s.seq desc
     limit 1;
$function$;

revoke all on function audit.head(uuid) from public;
grant execute on function audit.head(uuid) to
    authenticated,
    service_role,
    gardenos_auditor;

comment on function audit.head(uuid) is
'The last seal of an agency: number, hash and time, to be kept outside.';
