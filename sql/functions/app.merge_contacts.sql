-- Two contacts turn out to be one person. The winner keeps its id; the loser goes, and everything that hangs
-- on it moves, whether or not the caller sees every part: half a merge would be worse than none. So it is
-- SECURITY DEFINER, and asks for itself what RLS would: update on both records (app.is_in_reach).
--
-- 1. Fields: app.merged_values. do_not_contact holds when either had it.
-- 2. A link that the winner has too (tag, deal, company, conversation, event) is dropped and remembered. A
--    shared address that the winner has too stays with the loser. One address of a kind and one employer
--    are primary: those of the winner, else those of the loser.
-- 3. Consents stay where they are: crm.current_consents reads them through merged_into_id.
-- 4. row_version counts on, in every row that is touched, and updated_* say who merged and when.
-- 5. Merges of an agency wait for each other, then for writers of the two rows, in the order of their ids:
--    two that cross end with one done and one refused, and not in a deadlock.
set local role gardenos_merger;

create or replace function app.merge_contacts(winner uuid, loser uuid, choices jsonb default '{}')
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
    kept crm.contacts;
    gone crm.contacts;
    merged crm.contacts;
    changes jsonb;
    dropped jsonb;
    stay uuid[];
    lowered_points uuid[];
    lowered_jobs uuid[];
    raised_jobs uuid[];
    new_id uuid := app.uuid_v7();
begin
    if winner = loser then
        raise exception 'A contact is not merged with itself.'
            using errcode = '22023';
    end if;
    if not app.can_merge() then
        raise exception 'You may not merge: it takes a manager, or a member with the capability "merge".'
            using errcode = '42501';
    end if;
    reach := app.reach(
        'crm.contacts:update', agency => '{owner,admin}', scope => '{manager}', own => '{member}'
    );
    perform pg_advisory_xact_lock(hashtextextended('app.merge ' || agency, 0));
    perform 1
       from crm.contacts as c
      where c.agency_id = agency
        and c.id in (winner, loser)
      order by c.id
        for update;
    select c.* into kept
      from crm.contacts as c
     where c.agency_id = agency
       and c.id = winner
       and app.is_in_reach(reach, c.owner_id, c.team_id);
    select c.* into gone
      from crm.contacts as c
     where c.agency_id = agency
       and c.id = loser
       and app.is_in_reach(reach, c.owner_id, c.team_id);
    if kept.id is null or gone.id is null then
        raise exception 'You may not change both contacts, or one of them is not there.'
            using errcode = '42501';
    end if;
    if kept.deleted_at is not null or gone.deleted_at is not null then
        raise exception 'Contact % is deleted or was merged meanwhile.',
            case when kept.deleted_at is not null then winner else loser end
            using errcode = 'PT409',
            hint = 'Read both again.';
    end if;
    if kept.anonymised_at is not null or gone.anonymised_at is not null then
        raise exception 'A contact that was erased is not merged.'
            using errcode = 'PT403';
    end if;

    -- a login that ended stays with its contact; of two that live, neither can be dropped
    stay := array(
        select m.id
          from tenancy.memberships as m
         where m.agency_id = agency
           and m.contact_id = loser
           and m.status = 'removed'
           and exists (
               select 1
                 from tenancy.memberships as o
                where o.agency_id = agency
                  and o.contact_id = winner
           )
    );
    if exists (
        select 1
          from tenancy.memberships as m
          join tenancy.memberships as o
            on o.agency_id = agency
           and o.contact_id = winner
         where m.agency_id = agency
           and m.contact_id = loser
           and m.status <> 'removed'
    ) then
        raise exception 'Both contacts have a login of their own, and only one can stay.'
            using errcode = 'PT409',
            hint = 'Let the contact win whose login is in use, and remove the membership of the other first.';
    end if;
    -- a switchboard that both have; it comes back with the loser
    stay := stay || array(
        select p.id
          from crm.contact_points as p
          join crm.contact_points as o
            on o.agency_id = agency
           and o.contact_id = winner
           and o.kind = p.kind
           and o.value_norm = p.value_norm
           and o.deleted_at is null
         where p.agency_id = agency
           and p.contact_id = loser
           and p.deleted_at is null
    );

    changes := app.merged_values(to_jsonb(kept), to_jsonb(gone), app.merge_fields('contact'), choices);
    if gone.do_not_contact and not kept.do_not_contact then
        changes := changes || '{"do_not_contact": true}';
    end if;

    with
    tags as (
        delete from crm.record_tags as l
         using crm.record_tags as w
         where l.agency_id = agency and l.contact_id = loser
           and w.agency_id = agency and w.contact_id = winner
           and w.tag_id = l.tag_id
        returning 'crm.record_tags' as table_name, to_jsonb(l) as link
    ),
    deals as (
        delete from crm.deal_contacts as l
         using crm.deal_contacts as w
         where l.agency_id = agency and l.contact_id = loser
           and w.agency_id = agency and w.contact_id = winner
           and w.deal_id = l.deal_id
        returning 'crm.deal_contacts' as table_name, to_jsonb(l) as link
    ),
    jobs as (
        delete from crm.contact_companies as l
         using crm.contact_companies as w
         where l.agency_id = agency and l.contact_id = loser and l.ended_on is null
           and w.agency_id = agency and w.contact_id = winner and w.ended_on is null
           and w.company_id = l.company_id
        returning 'crm.contact_companies' as table_name, to_jsonb(l) as link
    ),
    participants as (
        delete from crm.participants as l
         using crm.participants as w
         where l.agency_id = agency and l.contact_id = loser
           and w.agency_id = agency and w.contact_id = winner
           and (w.conversation_id = l.conversation_id or w.calendar_event_id = l.calendar_event_id)
        returning 'crm.participants' as table_name, to_jsonb(l) as link
    )
    select coalesce(
        jsonb_agg(jsonb_build_object('table', d.table_name, 'row', d.link) order by d.table_name, d.link ->> 'id'),
        '[]'
    )
      into dropped
      from (
          select * from tags union all
          select * from deals union all
          select * from jobs union all
          select * from participants
      ) as d;

    with changed as (
        update crm.contact_companies as w
           set is_primary = true
         where w.agency_id = agency and w.contact_id = winner and w.ended_on is null
           and exists (
               select 1
                 from jsonb_array_elements(dropped) as d
                where d ->> 'table' = 'crm.contact_companies'
                  and (d -> 'row' ->> 'company_id')::uuid = w.company_id
                  and (d -> 'row' ->> 'is_primary')::boolean
           )
           and not exists (
               select 1
                 from crm.contact_companies as o
                where o.agency_id = agency and o.contact_id = winner and o.ended_on is null
                  and o.is_primary
           )
        returning w.id
    )
    select array_agg(c.id) into raised_jobs from changed as c;
    with changed as (
        update crm.contact_companies as l
           set is_primary = false
         where l.agency_id = agency and l.contact_id = loser and l.ended_on is null and l.is_primary
           and exists (
               select 1
                 from crm.contact_companies as w
                where w.agency_id = agency and w.contact_id = winner and w.ended_on is null
                  and w.is_primary
           )
        returning l.id
    )
    select array_agg(c.id) into lowered_jobs from changed as c;
    with changed as (
        update crm.contact_points as l
           set is_primary = false
         where l.agency_id = agency and l.contact_id = loser and l.deleted_at is null and l.is_primary
           and l.id <> all(stay)
           and exists (
               select 1
                 from crm.contact_points as w
                where w.agency_id = agency and w.contact_id = winner and w.deleted_at is null
                  and w.is_primary
                  and w.kind = l.kind
           )
        returning l.id
    )
    select array_agg(c.id) into lowered_points from changed as c;

    insert into crm.merge_records (
        agency_id, id, entity, winner_contact_id, loser_contact_id, snapshot, moved, merged_by_id, created_by
    )
    values (
        agency,
        new_id,
        'contact',
        winner,
        loser,
        jsonb_build_object('winner', to_jsonb(kept) - 'search', 'loser', to_jsonb(gone) - 'search'),
        jsonb_build_object(
            'values', changes,
            'children', app.point_children(agency, 'crm.contacts', loser, winner, stay),
            'items', app.move_items(agency, 'contact', loser, winner),
            'dropped', dropped,
            'lowered', coalesce(lowered_points, '{}') || coalesce(lowered_jobs, '{}'),
            'raised', coalesce(raised_jobs, '{}'),
            'earlier', array(
                select r.id
                  from crm.merge_records as r
                 where r.agency_id = agency
                   and r.winner_contact_id = winner
                   and r.undone_at is null
            )
        ),
        proof.membership_id,
        proof.membership_id
    );

    update crm.contacts as c
       set deleted_at = now(),
           merged_into_id = winner
     where c.agency_id = agency
       and c.id = loser;
    merged := jsonb_populate_record(kept, changes);
    update crm.contacts as c
       set full_name = merged.full_name,
           first_name = merged.first_name,
           last_name = merged.last_name,
           job_title = merged.job_title,
           lifecycle_id = merged.lifecycle_id,
           source_id = merged.source_id,
           locale = merged.locale,
           timezone = merged.timezone,
           owner_id = merged.owner_id,
           team_id = merged.team_id,
           do_not_contact = merged.do_not_contact,
           custom = merged.custom
     where c.agency_id = agency
       and c.id = winner;
    return new_id;
end;
$function$;

revoke all on function app.merge_contacts(uuid, uuid, jsonb) from public;
grant execute on function app.merge_contacts(uuid, uuid, jsonb) to
    authenticated;

comment on function app.merge_contacts(uuid, uuid, jsonb) is
'Merges the loser into the winner; answers the id with which app.undo_merge undoes it, for thirty days.';

set local role gardenos_owner;
