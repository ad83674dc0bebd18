-- The trail is append-only for whoever passes its grants, superusers included: no row is deleted, and an
-- update may only put the hash of the values in their place, as redaction does. Who holds DDL can switch
-- this off; audit.verify finds it.
create or replace function audit.forbid_change()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if tg_op = 'UPDATE' and tg_argv [0] = 'redactable' then
        if new.old_values is null
            and new.new_values is null
            and new.salt is null
            and new.values_hash is not distinct from coalesce(
                old.values_hash,
                audit.values_hash(old.salt, old.old_values, old.new_values)
            )
            and to_jsonb(new) - '{old_values,new_values,salt,values_hash}'::text[]
            = to_jsonb(old) - '{old_values,new_values,salt,values_hash}'::text[] then
            return new;
        end if;
    end if;
    raise exception 'audit.% is append-only: % is refused.', split_part(tg_table_name, '_', 1), tg_op
        using errcode = '42501',
        hint = 'Personal data is erased by audit.redact().';
end;
$function$;

revoke all on function audit.forbid_change() from public;

comment on function audit.forbid_change() is
'Refuses to change or delete what was recorded, but for emptying values.';
