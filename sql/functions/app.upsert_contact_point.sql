-- As app.upsert_company, for an address of a person by kind and normalised value. One that belongs to
-- somebody else is not taken away: 23505, with the contact who has it. A shared one, which several people may
-- have, is found among those of this person.
create or replace function app.upsert_contact_point(data jsonb)
returns uuid
language plpgsql
volatile
parallel unsafe
security invoker
set search_path = pg_catalog, pg_temp
as $function$
declare
    sent crm.contact_points := jsonb_populate_record(null::crm.contact_points, data);
    agency uuid := coalesce(sent.agency_id, app.agency_id());
    norm text := app.normal_point(sent.kind, sent.value, sent.e164);
    changed uuid;
begin
    perform app.check_keys(
        'crm.contact_points',
        data,
        array[
            'agency_id', 'id', 'contact_id', 'kind', 'label', 'value', 'e164', 'is_primary', 'is_shared',
            'verified_at', 'bounced_at', 'row_version'
        ],
        array['contact_id', 'kind', 'value']
    );
    select p.id into changed
      from crm.contact_points as p
     where p.agency_id = agency
       and p.contact_id = sent.contact_id
       and p.value_norm = norm
       and p.kind = sent.kind
       and p.deleted_at is null
     order by p.id
     limit 1;
    if changed is null then
        insert into crm.contact_points as r (
            agency_id, id, contact_id, kind, label, value, e164, is_primary, is_shared, verified_at, bounced_at
        )
        values (
            agency,
            coalesce(sent.id, app.uuid_v7()),
            sent.contact_id,
            sent.kind,
            sent.label,
            sent.value,
            sent.e164,
            coalesce(sent.is_primary, false),
            coalesce(sent.is_shared, false),
            sent.verified_at,
            sent.bounced_at
        )
        on conflict (agency_id, kind, value_norm) where deleted_at is null and not is_shared do nothing
        returning r.id into changed;
        if changed is not null then
            return changed;
        end if;
        -- taken: by somebody else, or by this person a moment ago
        select p.id into changed
          from crm.contact_points as p
         where p.agency_id = agency
           and p.contact_id = sent.contact_id
           and p.value_norm = norm
           and p.kind = sent.kind
           and p.deleted_at is null;
    end if;
    if changed is null then
        raise exception 'This address belongs to another contact.'
            using errcode = '23505',
            constraint = 'contact_points_value_norm_key',
            detail = jsonb_build_object(
                'live_id',
                (
                    select p.contact_id
                      from crm.contact_points as p
                     where p.agency_id = agency
                       and p.value_norm = norm
                       and p.kind = sent.kind
                       and p.deleted_at is null
                       and not p.is_shared
                )
            )::text,
            hint = 'Merge the two, or say that the address is shared.';
    end if;
    update crm.contact_points as r
       set (label, value, e164, is_primary, is_shared, verified_at, bounced_at, row_version) = (
           select
               p.label, p.value, p.e164, p.is_primary, p.is_shared, p.verified_at, p.bounced_at, p.row_version
             from jsonb_populate_record(r, data) as p
       )
     where r.agency_id = agency
       and r.id = changed;
    if not found then
        raise exception 'You may not change this address.'
            using errcode = '42501';
    end if;
    return changed;
end;
$function$;

revoke all on function app.upsert_contact_point(jsonb) from public;
grant execute on function app.upsert_contact_point(jsonb) to
    authenticated,
    service_role;

comment on function app.upsert_contact_point(jsonb) is
'Adds this address of a person, or changes the live one; answers its id.';
