-- The contacts or companies whose name is like this one, the most similar first. Under RLS their index of
-- trigrams cannot be used: comparing text by likeness is not leakproof. So this reads past RLS, repeats
-- agency and scope, leaves out what is deleted, and answers ids only; app.duplicate_candidates reads the
-- rows again under RLS. A mistake here can lose a hit, and shows no row.
set local role gardenos_merger;

create or replace function app.similar_names(entity app.entity, name text, at_most integer default 50)
returns table (id uuid, similarity real)
language plpgsql
stable
parallel unsafe
security definer
rows 50
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    my_teams uuid[] := app.my_teams();
    reach app.record_scope;
begin
    if entity = 'contact' then
        reach := app.reach(
            'crm.contacts:select', agency => '{owner,admin}', scope => '{manager,member,viewer,ai_agent}'
        );
        return query
        select c.id, extensions.similarity(c.full_name, similar_names.name)
          from crm.contacts as c
         where c.agency_id = proof.agency_id
           and c.full_name operator(extensions.%) similar_names.name
           and c.deleted_at is null
           and case reach
               when 'all' then true
               when 'team' then
                   c.owner_id = proof.membership_id
                   or c.team_id = any(my_teams)
                   or (c.owner_id is null and c.team_id is null)
               when 'own' then c.owner_id = proof.membership_id
           end
         order by 2 desc, 1
         limit least(at_most, 100);
    else
        reach := app.reach(
            'crm.companies:select', agency => '{owner,admin}', scope => '{manager,member,viewer,ai_agent}'
        );
        return query
        select c.id, extensions.similarity(c.name, similar_names.name)
          from crm.companies as c
         where c.agency_id = proof.agency_id
           and c.name operator(extensions.%) similar_names.name
           and c.deleted_at is null
           and case reach
               when 'all' then true
               when 'team' then
                   c.owner_id = proof.membership_id
                   or c.team_id = any(my_teams)
                   or (c.owner_id is null and c.team_id is null)
               when 'own' then c.owner_id = proof.membership_id
           end
         order by 2 desc, 1
         limit least(at_most, 100);
    end if;
end;
$function$;

revoke all on function app.similar_names(app.entity, text, integer) from public;
grant execute on function app.similar_names(app.entity, text, integer) to
    authenticated;

comment on function app.similar_names(app.entity, text, integer) is
'Ids of the contacts or companies that I see with a name like this, at most 100, the most similar first.';

set local role gardenos_owner;
