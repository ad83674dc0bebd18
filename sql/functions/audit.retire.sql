-- Takes the oldest month out of the trail after it was exported. Its seals stay, so what remains still
-- verifies, and audit.retired says for each agency what left; that row is audited like any other. The
-- table of the month stays too, detached, until audit.drop_retired: a mistake costs nothing.
--
-- Oldest first, so that the trail never has a hole. One transaction: never detached without a note, never
-- noted without being detached. Only the lock on the month is held while it is checked; audit.log is
-- locked at the end and for an instant. Where that lock is not to be had in two seconds everything is
-- rolled back (55P03): try again.
--
-- SECURITY INVOKER, for the owner alone: only an owner detaches.
create or replace function audit.retire(month date, export_rows bigint, export_sha256 text)
returns bigint
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
set lock_timeout = '2s'
as $function$
declare
    oldest record;
    retired bigint;
begin
    select m.month, m.partition_name
      into oldest
      from audit.months() as m
     order by m.month
     limit 1;
    if retire.month is distinct from oldest.month then
        raise exception 'Month % cannot leave the trail: the oldest one that is there, %, goes first.',
            coalesce(retire.month::text, 'null'), coalesce(oldest.month::text, 'none')
            using errcode = '22023';
    end if;
    if retire.month + interval '2 months' > now() at time zone 'UTC' then
        raise exception 'Month % cannot leave the trail: it ended less than a month ago.', retire.month
            using errcode = '22023';
    end if;
    if export_sha256 is null or export_sha256 !~ '^[0-9a-f]{64}$' then
        raise exception 'export_sha256 is the sha256 of the exported file, 64 digits in hexadecimal.'
            using errcode = '22023';
    end if;

    execute format('lock table only audit.%I in share mode', oldest.partition_name);
    retired := audit.record_retirement(retire.month, export_rows, decode(export_sha256, 'hex'));
    if retired = 0 and pg_relation_size(format('audit.%I', oldest.partition_name)) > 0 then
        raise exception 'Month % cannot leave the trail: no row of it is seen, but it is not empty.', retire.month
            using errcode = '55000',
            hint = 'Row-level security may hide them: audit.record_retirement must run as gardenos_audit_sealer.';
    end if;
    execute format('alter table audit.log detach partition audit.%I', oldest.partition_name);
    return retired;
end;
$function$;

revoke all on function audit.retire(date, bigint, text) from public;

comment on function audit.retire(date, bigint, text) is
'Detaches the oldest month of the trail after its export, notes it in audit.retired; returns its rows.';
