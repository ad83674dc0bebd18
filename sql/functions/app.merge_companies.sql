-- The same for companies as app.merge_contacts for contacts, and by the same rules: what is said there holds
-- here. Who works for both companies now works for the winner, and it is their primary employer if either
-- was.
set local role gardenos_merger;

create or replace function app.merge_companies(winner uuid, loser uuid, choices jsonb default '{}')
returns uuid
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    agency uuid := proof.agency_id;
    reach app.record_scope;
    kept crm.companies;
    gone crm.companies;
    merged crm.companies;
    changes jsonb;
    dropped jsonb;
    raised_jobs uuid[];
    new_id uuid := app.uuid_v7();
begin
    if winner = loser then
        raise exception 'A company is not merged with itself.'
            using errcode = '22023';
    end if;
    if not app.can_merge() then
        raise exception 'You may not merge: it takes a manager, or a member with the capability "merge".'
            using errcode = '42501';
    end if;
    reach := app.reach(
        'crm.companies:update', agency => '{owner,admin}', scope => '{manager}', own => '{member}'
    );
    perform pg_advisory_xact_lock(hashtextextended('app.merge ' || agency, 0));
    perform 1
       from crm.companies as c
      where c.agency_id = agency
        and c.id in (winner, loser)
      order by c.id
        for update;
    select c.* into kept
      from crm.companies as c
     where c.agency_id = agency
       and c.id = winner
       and app.is_in_reach(reach, c.owner_id, c.team_id);
    select c.* into gone
      from crm.companies as c
     where c.agency_id = agency
       and c.id = loser
       and app.is_in_reach(reach, c.owner_id, c.team_id);
    if kept.id is null or gone.id is null then
        raise exception 'You may not change both companies, or one of them is not there.'
            using errcode = '42501';
    end if;
    if kept.deleted_at is not null or gone.deleted_at is not null then
        raise exception 'Company % is deleted or was merged meanwhile.',
            case when kept.deleted_at is not null then winner else loser end
            using errcode = 'PT409',
            hint = 'Read both again.';
    end if;

    changes := app.merged_values(to_jsonb(kept), to_jsonb(gone), app.merge_fields('company'), choices);

    with
    tags as (
        delete from crm.record_tags as l
         using crm.record_tags as w
         where l.agency_id = agency and l.company_id = loser
           and w.agency_id = agency and w.company_id = winner
           and w.tag_id = l.tag_id
        returning 'crm.record_tags' as table_name, to_jsonb(l) as link
    ),
    jobs as (
        delete from crm.contact_companies as l
         using crm.contact_companies as w
         where l.agency_id = agency and l.company_id = loser and l.ended_on is null
           and w.agency_id = agency and w.company_id = winner and w.ended_on is null
           and w.contact_id = l.contact_id
        returning 'crm.contact_companies' as table_name, to_jsonb(l) as link
    )
    select coalesce(
        jsonb_agg(jsonb_build_object('table', d.table_name, 'row', d.link) order by d.table_name, d.link ->> 'id'),
        '[]'
    )
      into dropped
      from (
          select * from tags union all
          select * from jobs
      ) as d;
    with changed as (
        update crm.contact_companies as w
           set is_primary = true
         where w.agency_id = agency and w.company_id = winner and w.ended_on is null
           and exists (
               select 1
                 from jsonb_array_elements(dropped) as d
                where d ->> 'table' = 'crm.contact_companies'
                  and (d -> 'row' ->> 'contact_id')::uuid = w.contact_id
                  and (d -> 'row' ->> 'is_primary')::boolean
           )
        returning w.id
    )
    select array_agg(c.id) into raised_jobs from changed as c;

    insert into crm.merge_records (
        agency_id, id, entity, winner_company_id, loser_company_id, snapshot, moved, merged_by_id, created_by
    )
    values (
        agency,
        new_id,
        'company',
        winner,
        loser,
        jsonb_build_object('winner', to_jsonb(kept) - 'search', 'loser', to_jsonb(gone) - 'search'),
        jsonb_build_object(
            'values', changes,
            'children', app.point_children(agency, 'crm.companies', loser, winner),
            'items', app.move_items(agency, 'company', loser, winner),
            'dropped', dropped,
            'lowered', '{}'::uuid[],
            'raised', coalesce(raised_jobs, '{}'),
            'earlier', array(
                select r.id
                  from crm.merge_records as r
                 where r.agency_id = agency
                   and r.winner_company_id = winner
                   and r.undone_at is null
            )
        ),
        proof.membership_id,
        proof.membership_id
    );

    -- the loser first: it gives its domain up
    update crm.companies as c
       set deleted_at = now(),
           merged_into_id = winner
     where c.agency_id = agency
       and c.id = loser;
    merged := jsonb_populate_record(kept, changes);
    update crm.companies as c
       set name = merged.name,
           domain = merged.domain,
           industry_id = merged.industry_id,
           employees = merged.employees,
           annual_revenue = merged.annual_revenue,
           currency = merged.currency,
           street = merged.street,
           city = merged.city,
           region = merged.region,
           postal_code = merged.postal_code,
           country = merged.country,
           owner_id = merged.owner_id,
           team_id = merged.team_id,
           custom = merged.custom
     where c.agency_id = agency
       and c.id = winner;
    return new_id;
end;
$function$;

revoke all on function app.merge_companies(uuid, uuid, jsonb) from public;
grant execute on function app.merge_companies(uuid, uuid, jsonb) to
    authenticated;

comment on function app.merge_companies(uuid, uuid, jsonb) is
'Merges the loser into the winner; answers the id with which app.undo_merge undoes it, for thirty days.';

set local role gardenos_owner;
