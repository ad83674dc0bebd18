-- As app.upsert_company, by the sku, upper or lower case.
create or replace function app.upsert_product(data jsonb)
returns uuid
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    sent crm.products := jsonb_populate_record(null::crm.products, data);
    found uuid;
begin
    perform app.check_keys(
        'crm.products',
        data,
        array[
            'agency_id', 'id', 'sku', 'name', 'description', 'unit_price', 'currency', 'tax_rate',
            'is_active', 'row_version'
        ],
        array['sku']
    );
    insert into crm.products as r (
        agency_id, id, sku, name, description, unit_price, currency, tax_rate, is_active
    )
    values (
        coalesce(sent.agency_id, app.agency_id()),
        coalesce(sent.id, app.uuid_v7()),
        sent.sku,
        sent.name,
        sent.description,
        sent.unit_price,
        sent.currency,
        coalesce(sent.tax_rate, 0),
        coalesce(sent.is_active, true)
    )
    on conflict (agency_id, lower(sku)) where deleted_at is null do update
       set (
           sku, name, description, unit_price, currency, tax_rate, is_active, row_version
       ) = (
           select
               p.sku, p.name, p.description, p.unit_price, p.currency, p.tax_rate, p.is_active, p.row_version
             from jsonb_populate_record(r, data) as p
       )
    returning r.id into found;
    return found;
end;
$function$;

revoke all on function app.upsert_product(jsonb) from public;
grant execute on function app.upsert_product(jsonb) to
    authenticated,
    service_role;

comment on function app.upsert_product(jsonb) is
'Adds the product with this sku, or changes the live one; answers its id.';
