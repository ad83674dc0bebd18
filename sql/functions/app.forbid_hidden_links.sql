-- No hidden links: who writes a record points it only to what they can read. Foreign key checks see every
-- row of the agency, so without this a form would confirm, and show by name, records of others
-- (krayin/laravel-crm#732). The look-ups run as whoever writes, so the policies of the target answer.
--
-- AFTER the row, so that the policies of the table itself and its foreign keys speak first; and only for
-- references that changed: who may not see the company of a deal can still move the deal. Arguments: column
-- and table, in pairs. The trigger's WHEN clause lets everybody pass who is not an API client.
create or replace function app.forbid_hidden_links()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    after_change jsonb := to_jsonb(new);
    before_change jsonb := case when tg_op = 'UPDATE' then to_jsonb(old) end;
    place uuid := new.agency_id;
    target uuid;
    readable boolean;
begin
    for argument in 0 .. tg_nargs - 2 by 2 loop
        target := (after_change ->> tg_argv[argument])::uuid;
        continue when target is null or target = (before_change ->> tg_argv[argument])::uuid;
        readable := case tg_argv[argument + 1]
            when 'tenancy.memberships' then exists (
                select 1 from tenancy.memberships as t where t.agency_id = place and t.id = target
            )
            -- the default is no choice of the writer, whose key may not read teams
            when 'tenancy.teams' then target = app.default_team_id() or exists (
                select 1 from tenancy.teams as t where t.agency_id = place and t.id = target
            )
            -- a client reads no contact, and is one
            when 'crm.contacts' then target = app.contact_id() or exists (
                select 1 from crm.contacts as t where t.agency_id = place and t.id = target
            )
            when 'crm.companies' then exists (
                select 1 from crm.companies as t where t.agency_id = place and t.id = target
            )
            when 'crm.deals' then exists (
                select 1 from crm.deals as t where t.agency_id = place and t.id = target
            )
            when 'crm.activities' then exists (
                select 1 from crm.activities as t where t.agency_id = place and t.id = target
            )
            when 'crm.conversations' then exists (
                select 1 from crm.conversations as t where t.agency_id = place and t.id = target
            )
            when 'ai.memories' then exists (
                select 1 from ai.memories as t where t.agency_id = place and t.id = target
            )
            when 'crm.files' then exists (
                select 1 from crm.files as t where t.agency_id = place and t.id = target
            )
            when 'crm.tags' then exists (
                select 1 from crm.tags as t where t.agency_id = place and t.id = target
            )
            when 'crm.products' then exists (
                select 1 from crm.products as t where t.agency_id = place and t.id = target
            )
            when 'crm.pipelines' then exists (
                select 1 from crm.pipelines as t where t.agency_id = place and t.id = target
            )
            when 'crm.lookup_values' then exists (
                select 1 from crm.lookup_values as t where t.agency_id = place and t.id = target
            )
        end;
        if readable is not true then
            raise exception '%.% cannot point to a row of % that you cannot read.',
                tg_table_name, tg_argv[argument], tg_argv[argument + 1]
                using errcode = '42501';
        end if;
    end loop;
    return null;
end;
$function$;

revoke all on function app.forbid_hidden_links() from public;

comment on function app.forbid_hidden_links() is
'Refuses a reference to a row that the writer cannot read.';
