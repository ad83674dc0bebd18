-- An agent works on a record and does not decide whose it is, who sees it, or whether it lives.
create or replace function app.guard_agent()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    guarded constant text[] := array[
        'owner_id', 'team_id', 'assignee_id', 'visibility', 'deleted_at', 'merged_into_id', 'do_not_contact',
        'anonymised_at'
    ];
    proof record := app.proof();
    named text;
begin
    -- services prove nothing, and the owner of the table is a foreign key that clears a reference
    if proof.is_person is not false or current_user = 'gardenos_owner' then
        return new;
    end if;
    select n.key
      into named
      from jsonb_each(to_jsonb(new)) as n
     where n.key = any(guarded)
       and n.value is distinct from to_jsonb(old) -> n.key
     order by 1
     limit 1;
    if named is not null then
        raise exception 'An agent does not change % of %.%.', named, tg_table_schema, tg_table_name
            using errcode = '42501';
    end if;
    return new;
end;
$function$;

revoke all on function app.guard_agent() from public;

comment on function app.guard_agent() is
'Refuses that an agent hands over, opens, deletes or merges a record.';
