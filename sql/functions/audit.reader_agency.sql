-- Whose trail the caller reads, or one sentence why not. Row-level security would answer no rows to
-- everybody else, and "nothing happened" is a dangerous answer to somebody who only lacks the right to
-- know.
--
-- The auditor and service_role belong to no agency, so they name one.
create or replace function audit.reader_agency(agency uuid)
returns uuid
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if current_user <> 'authenticated' then
        if agency is null then
            raise exception 'Say which agency: % belongs to none.', current_user
                using errcode = '22004';
        end if;
        return agency;
    end if;
    if not app.may('audit.log:select', 'owner', 'admin')
        or agency <> app.agency_id() then
        raise exception 'You may not read this audit trail: only owners and admins of the agency may.'
            using errcode = '42501';
    end if;
    return app.agency_id();
end;
$function$;

revoke all on function audit.reader_agency(uuid) from public;
grant execute on function audit.reader_agency(uuid) to
    authenticated,
    service_role,
    gardenos_auditor;

comment on function audit.reader_agency(uuid) is
'The agency whose audit trail the caller may read; 42501 when it may not, 22004 when it must name one.';
