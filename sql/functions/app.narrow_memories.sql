-- When a run becomes narrower, as with its conversation, what was remembered from it follows: an update that
-- changes nothing lets app.keep_within_run look again. SECURITY DEFINER: nobody who changes a conversation
-- writes the memories of others.
set local role gardenos_ai_writer;

create or replace function app.narrow_memories()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    update ai.memories as m
       set visibility = m.visibility
      from new_rows as n
      join old_rows as o
        on o.agency_id = n.agency_id
       and o.id = n.id
     where m.agency_id = n.agency_id
       and m.source_run_id = n.id
       and m.visibility <> 'private'
       and (o.visibility, o.team_id) is distinct from (n.visibility, n.team_id);
    return null;
end;
$function$;

revoke all on function app.narrow_memories() from public;
grant execute on function app.narrow_memories() to
    gardenos_owner;

comment on function app.narrow_memories() is
'Makes memories narrower with the run that they come from.';

set local role gardenos_owner;
