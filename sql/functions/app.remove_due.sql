-- Removes at most so many rows that are kept for too long, of the agency that the worker is bound to.
-- Contacts are emptied, with all that hangs on them and their trail, because consents point to them; so are
-- lines of imports, unless the policy says to delete them. Of an agent's thread its state goes, and the
-- conversation stays. The policy is read here again: a caller cannot shorten it, and nothing is touched under
-- a legal hold.
--
-- SECURITY DEFINER: the worker itself deletes nothing.
set local role gardenos_eraser;

create or replace function app.remove_due(entity text, max_rows integer)
returns bigint
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
    policy governance.retention_policies;
    since bigint;
    due uuid[];
    known jsonb;
    contact uuid;
begin
    if agency is null or session_user <> 'gardenos_worker' then
        raise exception 'Retention is the work of a worker that is bound to an agency.'
            using errcode = '42501';
    end if;
    select * into policy
      from governance.retention_policies as p
     where p.agency_id = agency
       and p.entity = remove_due.entity;
    if policy.id is null or policy.legal_hold or app.due_rows(policy.entity) is null then
        return 0;
    end if;
    execute 'select array_agg(d.id) from (select t.id ' || app.due_rows(policy.entity)
        || ' order by t.id limit $3) as d'
        into due
        using agency, policy.keep, max_rows;
    if due is null then
        return 0;
    end if;
    if policy.entity = 'crm.contacts' then
        since := audit.last_change(agency);
        foreach contact in array due loop
            known := app.erase_contact(agency, contact);
            perform audit.erase(
                agency,
                since,
                array(select jsonb_array_elements_text(known -> 'people'))::uuid[],
                known -> 'records',
                null,
                null
            );
        end loop;
    elsif policy.entity = 'integration.import_rows' and policy.action = 'anonymise' then
        update integration.import_rows as r
           set raw = null,
               before = null,
               error_message = null
         where r.agency_id = agency
           and r.id = any(due);
    elsif policy.entity = 'langgraph.checkpoints' then
        delete from langgraph.checkpoints as k
         where k.agency_id = agency
           and k.conversation_id = any(due);
        delete from langgraph.checkpoint_writes as k
         where k.agency_id = agency
           and k.conversation_id = any(due);
        delete from langgraph.checkpoint_blobs as k
         where k.agency_id = agency
           and k.conversation_id = any(due);
    else
        execute format('delete from %s as t where t.agency_id = $1 and t.id = any($2)', policy.entity)
            using agency, due;
    end if;
    return cardinality(due);
end;
$function$;

revoke all on function app.remove_due(text, integer) from public;
grant execute on function app.remove_due(text, integer) to
    gardenos_worker;

comment on function app.remove_due(text, integer) is
'Removes rows that the retention policy of a table no longer keeps; answers how many it found.';

set local role gardenos_owner;
