-- The hash of a seal over every column but its id and itself. Nothing in it depends on a setting.
create or replace function audit.seal_hash(seal audit.seals)
returns bytea
language sql
stable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
    select sha256(
        convert_to(
            json_build_array(
                seal.agency_id,
                seal.seq,
                to_char(seal.month, 'YYYY-MM-DD'),
                seal.epoch,
                seal.timeline,
                seal.from_xid::text,
                seal.to_xid::text,
                seal.row_count,
                encode(seal.rows_hash, 'hex'),
                encode(seal.row_marks, 'hex'),
                seal.revision,
                encode(seal.machinery, 'hex'),
                encode(seal.prev_hash, 'hex'),
                extract(epoch from seal.sealed_at)
            )::text,
            'UTF8'
        )
    );
$function$;

revoke all on function audit.seal_hash(audit.seals) from public;
grant execute on function audit.seal_hash(audit.seals) to
    authenticated,
    service_role,
    gardenos_auditor,
    gardenos_audit_sealer;

comment on function audit.seal_hash(audit.seals) is
'What seal_hash of this seal must be.';
