-- The tokens of a run are the sum of those of its steps, when a step is added and when its tokens become
-- known. Steps that retention removes stay counted. SECURITY DEFINER: no client writes the sums.
set local role gardenos_crm_writer;

create or replace function app.note_tokens()
returns trigger
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if tg_op = 'INSERT' then
        update ai.agent_runs as r
           set tokens_in = r.tokens_in + s.tokens_in,
               tokens_out = r.tokens_out + s.tokens_out
          from (
              select
                  n.agency_id,
                  n.run_id,
                  sum(coalesce(n.tokens_in, 0)) as tokens_in,
                  sum(coalesce(n.tokens_out, 0)) as tokens_out
                from new_rows as n
               where n.tokens_in > 0
                  or n.tokens_out > 0
               group by n.agency_id, n.run_id
          ) as s
         where r.agency_id = s.agency_id
           and r.id = s.run_id;
    else
        update ai.agent_runs as r
           set tokens_in = r.tokens_in + s.tokens_in,
               tokens_out = r.tokens_out + s.tokens_out
          from (
              select
                  n.agency_id,
                  n.run_id,
                  sum(coalesce(n.tokens_in, 0) - coalesce(o.tokens_in, 0)) as tokens_in,
                  sum(coalesce(n.tokens_out, 0) - coalesce(o.tokens_out, 0)) as tokens_out
                from old_rows as o
                join new_rows as n
                  on n.agency_id = o.agency_id
                 and n.id = o.id
               where (n.tokens_in, n.tokens_out) is distinct from (o.tokens_in, o.tokens_out)
               group by n.agency_id, n.run_id
          ) as s
         where r.agency_id = s.agency_id
           and r.id = s.run_id;
    end if;
    return null;
end;
$function$;

revoke all on function app.note_tokens() from public;
grant execute on function app.note_tokens() to
    gardenos_owner;

comment on function app.note_tokens() is
'Adds the tokens of steps to their run.';

set local role gardenos_owner;
