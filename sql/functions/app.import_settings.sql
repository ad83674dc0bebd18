-- What the lines of an import are read with: its mapping, and what names stand for in this agency (custom
-- fields, lists, stages), as far as whoever imports sees it. Read once for a batch, not once for a line.
create or replace function app.import_settings(entity app.entity, mapping jsonb)
returns jsonb
language plpgsql
stable
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    agency uuid := app.agency_id();
begin
    return jsonb_build_object(
        'entity', import_settings.entity,
        'mapping', import_settings.mapping,
        'custom', (
            select coalesce(
                jsonb_object_agg(
                    d.key,
                    jsonb_build_object('type', d.data_type, 'options', d.options, 'required', d.required)
                ),
                '{}'
            )
              from crm.custom_field_defs as d
             where d.agency_id = agency
               and d.entity = import_settings.entity
               and d.archived_at is null
        ),
        'lists', (
            select coalesce(jsonb_object_agg(v.kind || ':' || lower(v.label), v.id), '{}')
              from crm.lookup_values as v
             where v.agency_id = agency
               and v.archived_at is null
        ),
        -- "pipeline/stage"; without a pipeline the default one, without a stage the first
        'stages', (
            select coalesce(
                jsonb_object_agg(
                    pipeline.name || '/' || stage.name,
                    jsonb_build_object('pipeline_id', s.pipeline_id, 'stage_id', s.id)
                    order by s.position desc
                ),
                '{}'
            )
              from crm.pipelines as p
              join crm.pipeline_stages as s
                on s.agency_id = p.agency_id
               and s.pipeline_id = p.id
               and s.archived_at is null
             cross join lateral unnest(array[lower(p.name), case when p.is_default then '' end]) as pipeline (name)
             cross join lateral unnest(array[lower(s.name), '']) as stage (name)
             where p.agency_id = agency
               and p.deleted_at is null
               and pipeline.name is not null
        )
    );
end;
$function$;

revoke all on function app.import_settings(app.entity, jsonb) from public;
grant execute on function app.import_settings(app.entity, jsonb) to
    authenticated;

comment on function app.import_settings(app.entity, jsonb) is
'What the lines of an import are read with: mapping, custom fields, lists and stages.';
