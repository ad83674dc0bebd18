-- What a namespace must look like: (agency, kind of the subject, its id, …). The columns that say whose an
-- item is are made of it, by casts; an id that is none would fail there with a sentence about uuids. One
-- spelling of each id, so that nothing can be remembered twice under the same subject.
create or replace function app.check_namespace()
returns trigger
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    uuid_text constant text := '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
begin
    if new.prefix !~ (
        '^' || uuid_text
        || '\.(?:agency|(?:agent|member|contact|company|deal|conversation)\.' || uuid_text || ')(?:\.|$)'
    ) then
        raise exception 'A namespace names an agency and a subject, and % does not.',
            quote_literal(left(new.prefix, 200))
            using errcode = '23514',
            schema = tg_table_schema,
            table = tg_table_name,
            hint = 'Begin with (agency id, kind, id): agent, member, contact, company, deal or conversation'
                ' with an id in lower case, or (agency id, "agency").';
    end if;
    return new;
end;
$function$;

revoke all on function app.check_namespace() from public;

comment on function app.check_namespace() is
'Refuses a namespace of the store that does not begin with an agency and a subject.';
