-- Undoes a merge, until its date. Everything is as it was before, but for what people did since, which
-- stays: a field that somebody changed, a child that somebody moved on or deleted. The answer names it:
--
--     {"changed_since": ["job_title"], "stayed": {"crm.deals.company_id": [ids]}, "lost": [links]}
--
-- row_version counts on and updated_* say who undid it, also where the merge had counted: a client that read
-- the row in between must not overwrite it unseen. A link that was dropped comes back as it was, stamps and
-- all. Whoever may merge the two records may undo it; the later merge of a winner is undone first.
set local role gardenos_merger;

create or replace function app.undo_merge(id uuid)
returns jsonb
language plpgsql
volatile
parallel unsafe
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    proof record := app.proof();
    agency uuid := proof.agency_id;
    entity app.entity;
    reach app.record_scope;
    past crm.merge_records;
    winner jsonb;
    loser jsonb;
    winner_id uuid;
    loser_id uuid;
    later uuid;
    fields jsonb;
    way record;
    contact crm.contacts;
    company crm.companies;
    children jsonb;
    link record;
    lost jsonb := '[]';
    violated text;
begin
    if not app.can_merge() then
        raise exception 'You may not undo a merge: it takes a manager, or a member with the capability "merge".'
            using errcode = '42501';
    end if;
    perform pg_advisory_xact_lock(hashtextextended('app.merge ' || agency, 0));
    select m.* into past
      from crm.merge_records as m
     where m.agency_id = agency
       and m.id = undo_merge.id;
    entity := past.entity;
    winner_id := coalesce(past.winner_contact_id, past.winner_company_id);
    loser_id := coalesce(past.loser_contact_id, past.loser_company_id);
    if entity = 'contact' then
        reach := app.reach(
            'crm.contacts:update', agency => '{owner,admin}', scope => '{manager}', own => '{member}'
        );
        perform 1
           from crm.contacts as c
          where c.agency_id = agency and c.id in (winner_id, loser_id)
          order by c.id
            for update;
        select to_jsonb(c) into winner
          from crm.contacts as c
         where c.agency_id = agency and c.id = winner_id and app.is_in_reach(reach, c.owner_id, c.team_id);
        select to_jsonb(c) into loser
          from crm.contacts as c
         where c.agency_id = agency and c.id = loser_id and app.is_in_reach(reach, c.owner_id, c.team_id);
    else
        reach := app.reach(
            'crm.companies:update', agency => '{owner,admin}', scope => '{manager}', own => '{member}'
        );
        perform 1
           from crm.companies as c
          where c.agency_id = agency and c.id in (winner_id, loser_id)
          order by c.id
            for update;
        select to_jsonb(c) into winner
          from crm.companies as c
         where c.agency_id = agency and c.id = winner_id and app.is_in_reach(reach, c.owner_id, c.team_id);
        select to_jsonb(c) into loser
          from crm.companies as c
         where c.agency_id = agency and c.id = loser_id and app.is_in_reach(reach, c.owner_id, c.team_id);
    end if;
    if winner is null or loser is null then
        raise exception 'There is no such merge, or you may not change both of its records.'
            using errcode = '42501';
    end if;
    if past.undone_at is not null then
        raise exception 'This merge was undone at % already.', past.undone_at
            using errcode = 'PT409';
    end if;
    if past.undo_until < now() then
        raise exception 'This merge could be undone until %.', past.undo_until
            using errcode = 'PT409';
    end if;
    select r.id into later
      from crm.merge_records as r
     where r.agency_id = agency
       and r.id <> past.id
       and r.undone_at is null
       and winner_id in (r.winner_contact_id, r.loser_contact_id, r.winner_company_id, r.loser_company_id)
       and not past.moved -> 'earlier' ? r.id::text
     order by r.id desc
     limit 1;
    if later is not null then
        raise exception 'The record was merged again later: undo that merge first.'
            using errcode = 'PT409',
            detail = jsonb_build_object('merge_id', later)::text;
    end if;
    if winner ->> 'deleted_at' is not null or winner ->> 'anonymised_at' is not null
        or loser ->> 'anonymised_at' is not null
        or (loser ->> 'merged_into_id')::uuid is distinct from winner_id then
        raise exception 'The records are not as a merge leaves them: one was deleted or erased since.'
            using errcode = 'PT409',
            hint = 'Restore the winner first; what was erased does not come back.';
    end if;

    update crm.contact_companies as c
       set is_primary = false
     where c.agency_id = agency
       and past.moved -> 'raised' ? c.id::text
       and c.is_primary
       and (c.contact_id = winner_id or c.company_id = winner_id);

    -- the winner first: it gives back what is unique
    fields := app.merge_fields(entity);
    if entity = 'contact' then
        fields := fields || '{"do_not_contact": ["do_not_contact"]}';
    end if;
    way := app.unmerged_values(winner, past.snapshot -> 'winner', past.moved -> 'values', fields);
    begin
        if entity = 'contact' then
            contact := jsonb_populate_record(null::crm.contacts, winner || way.back);
            update crm.contacts as c
               set full_name = contact.full_name,
                   first_name = contact.first_name,
                   last_name = contact.last_name,
                   job_title = contact.job_title,
                   lifecycle_id = contact.lifecycle_id,
                   source_id = contact.source_id,
                   locale = contact.locale,
                   timezone = contact.timezone,
                   owner_id = contact.owner_id,
                   team_id = contact.team_id,
                   do_not_contact = contact.do_not_contact,
                   custom = contact.custom
             where c.agency_id = agency and c.id = winner_id;
            update crm.contacts as c
               set deleted_at = null,
                   merged_into_id = null
             where c.agency_id = agency and c.id = loser_id;
        else
            company := jsonb_populate_record(null::crm.companies, winner || way.back);
            update crm.companies as c
               set name = company.name,
                   domain = company.domain,
                   industry_id = company.industry_id,
                   employees = company.employees,
                   annual_revenue = company.annual_revenue,
                   currency = company.currency,
                   street = company.street,
                   city = company.city,
                   region = company.region,
                   postal_code = company.postal_code,
                   country = company.country,
                   owner_id = company.owner_id,
                   team_id = company.team_id,
                   custom = company.custom
             where c.agency_id = agency and c.id = winner_id;
            update crm.companies as c
               set deleted_at = null,
                   merged_into_id = null
             where c.agency_id = agency and c.id = loser_id;
        end if;
        -- after the loser is back: what was deleted before the merge stays deleted
        children := app.point_children(
            agency,
            case entity when 'contact' then 'crm.contacts'::regclass else 'crm.companies'::regclass end,
            winner_id,
            loser_id,
            ids => past.moved -> 'children'
        );
        perform app.move_items(
            agency, entity::text, winner_id, loser_id, coalesce(past.moved -> 'items', '[]')
        );
    exception
        when unique_violation then
            get stacked diagnostics violated = constraint_name;
            raise exception 'The merge is not undone: another record has taken a place of the loser (%).', violated
                using errcode = '23505',
                constraint = violated,
                hint = 'Change the other record, or keep the merge.';
    end;
    update crm.contact_points as p
       set is_primary = true
     where p.agency_id = agency
       and past.moved -> 'lowered' ? p.id::text
       and p.contact_id = loser_id
       and p.deleted_at is null;
    update crm.contact_companies as c
       set is_primary = true
     where c.agency_id = agency
       and past.moved -> 'lowered' ? c.id::text
       and c.contact_id = loser_id
       and c.ended_on is null;

    for link in
        select d ->> 'table' as table_name, d -> 'row' as was
          from jsonb_array_elements(past.moved -> 'dropped') as d
    loop
        -- the tag, the deal, the company may be gone, or somebody made the same link again
        begin
            case link.table_name
                when 'crm.record_tags' then
                    insert into crm.record_tags
                    select (jsonb_populate_record(null::crm.record_tags, link.was)).*;
                when 'crm.deal_contacts' then
                    insert into crm.deal_contacts
                    select (jsonb_populate_record(null::crm.deal_contacts, link.was)).*;
                when 'crm.contact_companies' then
                    insert into crm.contact_companies
                    select (jsonb_populate_record(null::crm.contact_companies, link.was)).*;
                when 'crm.participants' then
                    insert into crm.participants
                    select (jsonb_populate_record(null::crm.participants, link.was)).*;
            end case;
        exception
            when foreign_key_violation or unique_violation then
                lost := lost || jsonb_build_object('table', link.table_name, 'row', link.was);
        end;
    end loop;

    update crm.merge_records as m
       set undone_at = now(),
           undone_by_id = proof.membership_id
     where m.agency_id = agency
       and m.id = past.id;
    return jsonb_build_object(
        'changed_since', way.changed_since,
        'stayed', (
            select coalesce(jsonb_object_agg(s.place, s.ids), '{}')
              from (
                  select c.key as place, jsonb_agg(i.id) as ids
                    from jsonb_each(past.moved -> 'children') as c
                   cross join lateral jsonb_array_elements_text(c.value) as i (id)
                   where not coalesce(children -> c.key ? i.id, false)
                   group by c.key
              ) as s
        ),
        'lost', lost
    );
end;
$function$;

revoke all on function app.undo_merge(uuid) from public;
grant execute on function app.undo_merge(uuid) to
    authenticated;

comment on function app.undo_merge(uuid) is
'Undoes a merge until its date; answers what stays as people have changed it since.';

set local role gardenos_owner;
