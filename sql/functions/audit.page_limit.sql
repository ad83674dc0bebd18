-- How many rows a page has. A limit that is out of range is refused, not bent: a client that counts on 5
-- 000 rows and gets 1 000 would believe that it has seen them all.
create or replace function audit.page_limit(page_size integer)
returns integer
language plpgsql
immutable
parallel safe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
begin
    if page_size is null or page_size not between 1 and 1000 then
        raise exception 'page_size must be between 1 and 1000, not %.', coalesce(page_size::text, 'null')
            using errcode = '22023';
    end if;
    return page_size;
end;
$function$;

revoke all on function audit.page_limit(integer) from public;
grant execute on function audit.page_limit(integer) to
    authenticated,
    service_role,
    gardenos_auditor;

comment on function audit.page_limit(integer) is
'The rows of a page, 1 to 1000; 22023 for anything else.';
