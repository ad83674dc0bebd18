-- What the chain knows of the values of a row, while they are there and after they were erased: a salted
-- hash. It is not written with the row: sealing computes it, and redaction leaves it in their place. Null
-- where there is no salt, because no values are kept.
create or replace function audit.values_hash(salt bytea, old_values jsonb, new_values jsonb)
returns bytea
language sql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
    select sha256(salt || convert_to(concat(old_values::text, E'\n', new_values::text), 'UTF8'));
$function$;

revoke all on function audit.values_hash(bytea, jsonb, jsonb) from public;
grant execute on function audit.values_hash(bytea, jsonb, jsonb) to
    authenticated,
    service_role,
    gardenos_auditor,
    gardenos_audit_sealer,
    gardenos_audit_redactor;

comment on function audit.values_hash(bytea, jsonb, jsonb) is
'The salted hash of what a row of the trail holds; null for a row that holds none.';
