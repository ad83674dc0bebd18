"""Find duplicates, merge them, and take merges apart

Reason:    two records turn out to be one. A merge moves every child, whether or not the person
           who merges sees it: its role reads the tables and writes the columns that point to a
           contact or a company, and nothing else. The guards of invitations, memberships and
           messages let it.
Locks:     AccessExclusive on each table of crm and integration that has such a column; they are
           new and empty.
Duration:  milliseconds.
Way back:  drops the functions, policies and grants and brings the guards back as they were;
           merged records stay merged.
"""

from migrations.runner.execute import execute

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- A member needs the capability "merge"; from managers up the role includes it. A key needs the scope
        -- crm.merge_records:insert, and agents never merge. Which records is asked apart from this: both must be
        -- within reach of an update.
        create or replace function app.can_merge()
        returns boolean
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            return app.may('crm.merge_records:insert', 'owner', 'admin', 'manager', 'member')
                and (proof.agency_role <> 'member' or 'merge' = any(proof.capabilities));
        end;
        $function$;

        revoke all on function app.can_merge() from public;
        grant execute on function app.can_merge() to
            authenticated,
            service_role,
            gardenos_merger;

        comment on function app.can_merge() is
        'May I merge records and undo merges, as far as role and capabilities go? False when nothing is proved.';
        """
    )
    execute(
        r"""
        -- Everything that hangs on contacts or companies, read off the foreign keys, so that a table that comes
        -- later is not forgotten. Two do not move: consents, which are never changed and are read through
        -- merged_into_id, and merge_records, which say what was.
        create or replace function app.children_of(record_table regclass)
        returns table (table_name text, column_name text)
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return query
            select c.conrelid::regclass::text, a.attname::text
              from pg_constraint as c
              join pg_attribute as a
                on a.attrelid = c.conrelid
               and a.attnum = any(c.conkey)
               and a.attname <> 'agency_id'
             where c.contype = 'f'
               and c.confrelid = record_table
               and c.conparentid = 0
               and c.conrelid not in ('crm.consents'::regclass, 'crm.merge_records'::regclass)
             order by 1, 2;
        end;
        $function$;

        revoke all on function app.children_of(regclass) from public;
        grant execute on function app.children_of(regclass) to
            gardenos_merger;

        comment on function app.children_of(regclass) is
        'The columns that point to this table and move in a merge.';
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        grant execute on function app.contact_id() to gardenos_merger;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Whom a contact or a company might be as well: the same address, number or domain in its normalised form, or
        -- a similar name. Live records that the caller sees, those with the same address first. It offers and decides
        -- nothing; app.merge_contacts and app.merge_companies do. Empty when the caller does not see the record.
        create or replace function app.duplicate_candidates(
            table_name text,
            record_id uuid,
            at_most integer default 20
        )
        returns table (id uuid, name text, same text[], similarity real)
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
            host text;
            mine text;
        begin
            case duplicate_candidates.table_name
                when 'crm.contacts' then
                    select c.full_name into mine
                      from crm.contacts as c
                     where c.agency_id = agency
                       and c.id = duplicate_candidates.record_id;
                    return query
                    with
                    known as (
                        select p.kind, p.value_norm
                          from crm.contact_points as p
                         where p.agency_id = agency
                           and p.contact_id = duplicate_candidates.record_id
                           and p.deleted_at is null
                           and p.kind in ('email', 'phone')
                    ),
                    reached as (
                        select o.contact_id, o.kind::text as same, null::real as similarity
                          from known as k
                          join crm.contact_points as o
                            on o.agency_id = agency
                           and o.value_norm = k.value_norm
                           and o.kind = k.kind
                           and o.deleted_at is null
                        union all
                        select n.id, null, n.similarity
                          from app.similar_names('contact', mine) as n
                    ),
                    found as (
                        select
                            r.contact_id,
                            coalesce(array_agg(distinct r.same) filter (where r.same is not null), '{}') as same,
                            coalesce(max(r.similarity), 0) as similarity
                          from reached as r
                         group by r.contact_id
                    )
                    select c.id, c.full_name::text, f.same, f.similarity
                      from found as f
                      join crm.contacts as c
                        on c.agency_id = agency
                       and c.id = f.contact_id
                       and c.deleted_at is null
                     where c.id <> duplicate_candidates.record_id
                     order by cardinality(f.same) desc, f.similarity desc, c.id
                     limit least(duplicate_candidates.at_most, 100);
                when 'crm.companies' then
                    select c.name, regexp_replace(c.domain, '^www\.', '') into mine, host
                      from crm.companies as c
                     where c.agency_id = agency
                       and c.id = duplicate_candidates.record_id;
                    return query
                    with
                    reached as (
                        select c.id as company_id, 'domain' as same, null::real as similarity
                          from crm.companies as c
                         where c.agency_id = agency
                           and c.domain in (host, 'www.' || host)
                           and c.deleted_at is null
                        union all
                        select n.id, null, n.similarity
                          from app.similar_names('company', mine) as n
                    ),
                    found as (
                        select
                            r.company_id,
                            coalesce(array_agg(distinct r.same) filter (where r.same is not null), '{}') as same,
                            coalesce(max(r.similarity), 0) as similarity
                          from reached as r
                         group by r.company_id
                    )
                    select c.id, c.name::text, f.same, f.similarity
                      from found as f
                      join crm.companies as c
                        on c.agency_id = agency
                       and c.id = f.company_id
                       and c.deleted_at is null
                     where c.id <> duplicate_candidates.record_id
                     order by cardinality(f.same) desc, f.similarity desc, c.id
                     limit least(duplicate_candidates.at_most, 100);
                else
                    raise exception 'Duplicates are looked for among contacts and companies, not in %.',
                        coalesce(duplicate_candidates.table_name, 'null')
                        using errcode = '22023',
                        hint = 'Give the table as crm.contacts or crm.companies.';
            end case;
        end;
        $function$;

        revoke all on function app.duplicate_candidates(text, uuid, integer) from public;
        grant execute on function app.duplicate_candidates(text, uuid, integer) to
            authenticated;

        comment on function app.duplicate_candidates(text, uuid, integer) is
        'Live records that I see which may be the same as this one: what they share, and how alike their names are.';
        """
    )
    execute(
        r"""
        -- No escalation through an invitation that is already out: nobody touches one for a role above their own,
        -- what was accepted or revoked stays so, and an expiry is at most thirty days away. Invitations are made by
        -- app.invite.
        create or replace function app.guard_invitation()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if current_user in ('service_role', 'gardenos_owner', 'gardenos_tenancy_writer', 'gardenos_merger') then
                return new;
            end if;
            if app.outranks_me(old.role) then
                raise exception 'Your role does not allow you to touch the invitation of a(n) %.', old.role
                    using errcode = '42501';
            end if;
            if (old.accepted_at is not null or old.revoked_at is not null)
                and (new.revoked_at, new.expires_at) is distinct from (old.revoked_at, old.expires_at) then
                raise exception 'This invitation is closed; it cannot be opened again.'
                    using errcode = '42501',
                    hint = 'Invite the address again with app.invite.';
            end if;
            if new.expires_at > greatest(old.expires_at, now() + interval '30 days') then
                raise exception 'An invitation stays open for at most thirty days.'
                    using errcode = '23514';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.guard_invitation() from public;

        comment on function app.guard_invitation() is
        'Refuses to touch an invitation above the own role, or to open a closed one.';
        """
    )
    execute(
        r"""
        -- No escalation. It asks the live role, not the token, and holds for every update, because "touch" includes
        -- a display name. Exempt are those who answer for the rank themselves: service_role, the functions of the
        -- tenancy writer, merges, which move a client to the contact that is left, and the owner of the table, as
        -- which foreign keys clear a reference. What a membership is made of holds for all.
        --
        -- Who may be added is asked AFTER the insert: an upsert that ends as an update never gets there, while its
        -- BEFORE INSERT triggers have run.
        create or replace function app.guard_membership()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if tg_when = 'BEFORE' then
                if tg_op = 'UPDATE' and new.user_id <> old.user_id then
                    raise exception 'A membership stays with its user.'
                        using errcode = 'PT403';
                end if;
                if (tg_op = 'INSERT' or new.role <> old.role)
                    and (new.role = 'ai_agent') <> app.is_agent(new.user_id) then
                    raise exception 'The role ai_agent is for users of kind agent, and they have no other.'
                        using errcode = '23514';
                end if;
                new.suspended_at := case when new.status = 'suspended' then coalesce(new.suspended_at, now()) end;
                new.removed_at := case when new.status = 'removed' then coalesce(new.removed_at, now()) end;
            end if;

            if current_user = 'gardenos_tenancy_writer' or (tg_op = 'INSERT' and tg_when = 'BEFORE') then
                return new;
            end if;
            if tg_op = 'INSERT' and new.role <> 'ai_agent' then
                raise exception 'People become members by invitation only.'
                    using errcode = '42501',
                    hint = 'Use app.invite; the first owner is made by app.create_agency.';
            end if;
            if current_user in ('service_role', 'gardenos_owner', 'gardenos_merger') then
                return new;
            end if;

            if app.outranks_me(new.role) then
                raise exception 'Your role does not allow you to give the role %.', new.role
                    using errcode = '42501';
            end if;
            if tg_op = 'INSERT' then
                return new;
            end if;
            if app.outranks_me(old.role) then
                raise exception 'Your role does not allow you to touch the membership of a(n) %.', old.role
                    using errcode = '42501';
            end if;
            if old.id = app.membership_id()
                and (new.role, new.record_scope, new.capabilities, new.status)
                is distinct from (old.role, old.record_scope, old.capabilities, old.status) then
                raise exception 'Nobody changes their own role, scope, capabilities or status.'
                    using errcode = '42501',
                    hint = 'Ask another owner or admin; to leave, call app.leave_agency().';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.guard_membership() from public;

        comment on function app.guard_membership() is
        'Refuses that anybody raises a role above their own, or touches one above it.';
        """
    )
    execute(
        r"""
        -- A message says who wrote it, whatever the client sent, and keeps to its conversation. People and agents
        -- write drafts and hand them over; from there on only services move a message. An agent's draft waits for a
        -- person. A client writes to the agency, and what it has written has arrived.
        create or replace function app.guard_message()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            if tg_op = 'UPDATE' then
                if new.conversation_id <> old.conversation_id then
                    raise exception 'A message stays in its conversation.'
                        using errcode = 'PT403';
                end if;
                -- a foreign key clears who wrote it, and a merge says it of the contact that is left
                if new.sender_membership_id is not null then
                    new.sender_membership_id := old.sender_membership_id;
                end if;
                if new.sender_contact_id is not null and current_user <> 'gardenos_merger' then
                    new.sender_contact_id := old.sender_contact_id;
                end if;
            end if;
            if current_user <> 'authenticated' then
                return new;
            end if;
            if tg_op = 'INSERT' then
                new.sender_membership_id := proof.membership_id;
                new.sender_contact_id := null;
                if proof.agency_role = 'client' then
                    if new.direction <> 'inbound' then
                        raise exception 'A client writes inbound messages only.'
                            using errcode = '42501';
                    end if;
                    new.sender_membership_id := null;
                    new.sender_contact_id := app.contact_id();
                    new.status := 'received';
                    return new;
                end if;
                if new.direction = 'inbound' then
                    raise exception 'Inbound messages come from outside.'
                        using errcode = '42501';
                end if;
                if new.status not in ('draft', 'queued') then
                    raise exception 'A new message is a draft or queued.'
                        using errcode = '42501';
                end if;
            else
                new.sender_membership_id := old.sender_membership_id;
                new.sender_contact_id := old.sender_contact_id;
                if new.direction <> old.direction then
                    raise exception 'A message keeps its direction.'
                        using errcode = '42501';
                end if;
                if old.status <> 'draft' then
                    raise exception 'A message that was handed over is not changed any more.'
                        using errcode = '42501';
                end if;
                if new.status not in (old.status, 'queued') then
                    raise exception 'A draft is queued; only services move it from there.'
                        using errcode = '42501';
                end if;
            end if;
            if new.status <> 'draft' and not proof.is_person then
                raise exception 'An agent writes drafts; a person sends them.'
                    using errcode = '42501';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.guard_message() from public;

        comment on function app.guard_message() is
        'Sets the sender of a message and refuses what only services may do to it.';
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        grant execute on function app.is_agent(candidate_id uuid) to gardenos_merger;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- What the answers of app.reach mean on a record with an owner and a team. The policies of contacts and
        -- companies say the same; this is for the functions that work past them, which ask it of a few rows.
        create or replace function app.is_in_reach(reach app.record_scope, owner_id uuid, team_id uuid)
        returns boolean
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return case reach
                when 'all' then true
                when 'team' then
                    coalesce(owner_id = app.membership_id(), false)
                    or coalesce(team_id = any(app.my_teams()), false)
                    or (owner_id is null and team_id is null)
                when 'own' then coalesce(owner_id = app.membership_id(), false)
                else false
            end;
        end;
        $function$;

        revoke all on function app.is_in_reach(app.record_scope, uuid, uuid) from public;
        grant execute on function app.is_in_reach(app.record_scope, uuid, uuid) to
            gardenos_merger;

        comment on function app.is_in_reach(app.record_scope, uuid, uuid) is
        'Is a record with this owner and team within a reach (see app.reach)? False for none.';
        """
    )
    execute(
        r"""
        grant execute on function app.may(action text, VARIADIC roles app.agency_role[]) to gardenos_merger;
        """
    )
    execute(
        r"""
        grant execute on function app.membership_id() to gardenos_merger;
        """
    )
    execute(
        r"""
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
        """
    )
    execute(
        r"""
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
        """
    )
    execute(
        r"""
        -- The fields that two records are compared by when they are merged, each with its columns. Whoever adds a
        -- column to contacts or companies says here where it belongs; a test names those that are nowhere.
        -- do_not_contact is no choice: when one of the two must not be contacted, the person must not.
        create or replace function app.merge_fields(entity app.entity)
        returns jsonb
        language plpgsql
        immutable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return case entity
                when 'contact' then jsonb_build_object(
                    'full_name', array['full_name'],
                    'first_name', array['first_name'],
                    'last_name', array['last_name'],
                    'job_title', array['job_title'],
                    'lifecycle_id', array['lifecycle_id'],
                    'source_id', array['source_id'],
                    'locale', array['locale'],
                    'timezone', array['timezone'],
                    'owner', array['owner_id', 'team_id']
                )
                when 'company' then jsonb_build_object(
                    'name', array['name'],
                    'domain', array['domain'],
                    'industry_id', array['industry_id'],
                    'employees', array['employees'],
                    'annual_revenue', array['annual_revenue', 'currency'],
                    'address', array['street', 'city', 'region', 'postal_code', 'country'],
                    'owner', array['owner_id', 'team_id']
                )
            end;
        end;
        $function$;

        revoke all on function app.merge_fields(app.entity) from public;
        grant execute on function app.merge_fields(app.entity) to
            gardenos_merger;

        comment on function app.merge_fields(app.entity) is
        'Field to columns: what the choices of a merge may name.';
        """
    )
    execute(
        r"""
        -- What the winner of a merge gets. A field is one column, or several that only make sense together: an
        -- address, an amount with its currency, owner and team. choices names a field and says "winner" or "loser";
        -- where it says nothing the winner keeps what it has, and takes the field of the loser if its own is empty.
        -- Custom fields follow the same rule key by key: {"custom": {"size": "loser"}}.
        create or replace function app.merged_values(winner jsonb, loser jsonb, fields jsonb, choices jsonb)
        returns jsonb
        language plpgsql
        immutable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            chosen jsonb := coalesce(choices, '{}');
            chosen_custom jsonb := coalesce(chosen -> 'custom', '{}');
            custom jsonb := (loser -> 'custom') || (winner -> 'custom');
            taken jsonb;
            unknown text;
            field record;
        begin
            if jsonb_typeof(chosen) <> 'object' or jsonb_typeof(chosen_custom) <> 'object' then
                raise exception 'The choices of a merge are an object of fields.'
                    using errcode = '22023',
                    hint = 'For example {"job_title": "loser", "custom": {"size": "loser"}}.';
            end if;
            select c.key
              into unknown
              from (
                  select e.key, e.value, fields ? e.key as is_known
                    from jsonb_each(chosen - 'custom') as e
                  union all
                  select 'custom.' || e.key, e.value, (winner -> 'custom') ? e.key or (loser -> 'custom') ? e.key
                    from jsonb_each(chosen_custom) as e
              ) as c
             where not c.is_known
                or c.value not in ('"winner"', '"loser"')
             order by 1
             limit 1;
            if unknown is not null then
                raise exception 'The choice of "%" is not known.', unknown
                    using errcode = '22023',
                    hint = 'Choose "winner" or "loser" for a field of: '
                        || (select string_agg(k.key, ', ' order by k.key) from jsonb_object_keys(fields) as k (key))
                        || ', custom.';
            end if;

            taken := (
                select coalesce(jsonb_object_agg(c.name, loser -> c.name), '{}')
                  from jsonb_each(fields) as f
                 cross join lateral jsonb_array_elements_text(f.value) as c (name)
                 where coalesce(
                     chosen ->> f.key = 'loser',
                     not exists (
                         select 1
                           from jsonb_array_elements_text(f.value) as own (name)
                          where winner -> own.name <> 'null'
                     )
                 )
            );
            for field in select e.key from jsonb_each_text(chosen_custom) as e where e.value = 'loser' loop
                custom := custom - field.key;
                if (loser -> 'custom') ? field.key then
                    custom := custom || jsonb_build_object(field.key, loser -> 'custom' -> field.key);
                end if;
            end loop;
            taken := taken || jsonb_build_object('custom', custom);
            return (
                select coalesce(jsonb_object_agg(t.key, t.value), '{}')
                  from jsonb_each(taken) as t
                 where t.value is distinct from winner -> t.key
            );
        end;
        $function$;

        revoke all on function app.merged_values(jsonb, jsonb, jsonb, jsonb) from public;
        grant execute on function app.merged_values(jsonb, jsonb, jsonb, jsonb) to
            gardenos_merger;

        comment on function app.merged_values(jsonb, jsonb, jsonb, jsonb) is
        'The columns of the winner that a merge changes, with their new values. 22023 for an unknown choice.';
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        grant execute on function app.my_teams() to gardenos_merger;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Points the children of one record to another: all but the ids in "stay", or, on the way back, only those
        -- in "ids". The names in the statement come from the catalogue (app.children_of). Only merges call it, as
        -- their own role: a child moves whether or not the person who merges can see it.
        create or replace function app.point_children(
            agency uuid,
            record_table regclass,
            from_id uuid,
            to_id uuid,
            stay uuid[] default '{}',
            ids jsonb default null
        )
        returns jsonb
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            moved jsonb := '{}';
            place record;
            found uuid[];
        begin
            for place in select c.table_name, c.column_name from app.children_of(record_table) as c loop
                execute format(
                    'with changed as ('
                    ' update %1$s as c set %2$I = $1'
                    ' where c.agency_id = $2 and c.%2$I = $3 and c.id <> all($4)'
                    ' and ($5 is null or c.id = any($5))'
                    ' returning c.id'
                    ') select array_agg(c.id order by c.id) from changed as c',
                    place.table_name,
                    place.column_name
                )
                    into found
                    using to_id, agency, from_id, stay, case
                        when ids is not null then array(
                            select jsonb_array_elements_text(
                                coalesce(ids -> (place.table_name || '.' || place.column_name), '[]')
                            )::uuid
                        )
                    end;
                if found is not null then
                    moved := moved || jsonb_build_object(place.table_name || '.' || place.column_name, found);
                end if;
            end loop;
            return moved;
        end;
        $function$;

        revoke all on function app.point_children(uuid, regclass, uuid, uuid, uuid[], jsonb) from public;
        grant execute on function app.point_children(uuid, regclass, uuid, uuid, uuid[], jsonb) to
            gardenos_merger;

        comment on function app.point_children(uuid, regclass, uuid, uuid, uuid[], jsonb) is
        'Points children from one record to another and answers which: {"schema.table.column": [ids]}.';
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        grant execute on function app.proof() to gardenos_merger;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        grant execute on function app.reach(action text, own app.agency_role[], scope app.agency_role[], team app.agency_role[], agency app.agency_role[]) to gardenos_merger;
        """
    )
    execute(
        r"""
        -- The contacts or companies whose name is like this one, the most similar first. Under RLS their index of
        -- trigrams cannot be used: comparing text by likeness is not leakproof. So this reads past RLS, repeats
        -- agency and scope, leaves out what is deleted, and answers ids only; app.duplicate_candidates reads the
        -- rows again under RLS. A mistake here can lose a hit, and shows no row.
        set local role gardenos_merger;

        create or replace function app.similar_names(entity app.entity, name text, at_most integer default 50)
        returns table (id uuid, similarity real)
        language plpgsql
        stable
        parallel unsafe
        security definer
        rows 50
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            my_teams uuid[] := app.my_teams();
            reach app.record_scope;
        begin
            if entity = 'contact' then
                reach := app.reach(
                    'crm.contacts:select', agency => '{owner,admin}', scope => '{manager,member,viewer,ai_agent}'
                );
                return query
                select c.id, extensions.similarity(c.full_name, similar_names.name)
                  from crm.contacts as c
                 where c.agency_id = proof.agency_id
                   and c.full_name operator(extensions.%) similar_names.name
                   and c.deleted_at is null
                   and case reach
                       when 'all' then true
                       when 'team' then
                           c.owner_id = proof.membership_id
                           or c.team_id = any(my_teams)
                           or (c.owner_id is null and c.team_id is null)
                       when 'own' then c.owner_id = proof.membership_id
                   end
                 order by 2 desc, 1
                 limit least(at_most, 100);
            else
                reach := app.reach(
                    'crm.companies:select', agency => '{owner,admin}', scope => '{manager,member,viewer,ai_agent}'
                );
                return query
                select c.id, extensions.similarity(c.name, similar_names.name)
                  from crm.companies as c
                 where c.agency_id = proof.agency_id
                   and c.name operator(extensions.%) similar_names.name
                   and c.deleted_at is null
                   and case reach
                       when 'all' then true
                       when 'team' then
                           c.owner_id = proof.membership_id
                           or c.team_id = any(my_teams)
                           or (c.owner_id is null and c.team_id is null)
                       when 'own' then c.owner_id = proof.membership_id
                   end
                 order by 2 desc, 1
                 limit least(at_most, 100);
            end if;
        end;
        $function$;

        revoke all on function app.similar_names(app.entity, text, integer) from public;
        grant execute on function app.similar_names(app.entity, text, integer) to
            authenticated;

        comment on function app.similar_names(app.entity, text, integer) is
        'Ids of the contacts or companies that I see with a name like this, at most 100, the most similar first.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Set "light" of columns: who made the row, taken from the proven claim whatever the client sent. A link
        -- that an undone merge brings back has its stamps already.
        create or replace function app.stamp_link()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if current_user = 'gardenos_merger' then
                return new;
            end if;
            new.created_at := now();
            new.created_by := app.membership_id();
            return new;
        end;
        $function$;

        revoke all on function app.stamp_link() from public;

        comment on function app.stamp_link() is
        'Stamps created_* of a row that has no version.';
        """
    )
    execute(
        r"""
        -- Set "full" of columns: who made and who last changed the row, taken from the proven claim whatever the
        -- client sent, and optimistic locking. A client that sends the row_version it read is refused when somebody
        -- was faster (PT409: HTTP 409 from PostgREST); one that does not send it overwrites. A link that an undone
        -- merge brings back has its stamps already.
        create or replace function app.stamp_row()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if tg_op = 'INSERT' and current_user = 'gardenos_merger' then
                return new;
            end if;
            if tg_op = 'INSERT' then
                new.created_at := now();
                new.created_by := app.membership_id();
                new.updated_at := new.created_at;
                new.updated_by := new.created_by;
                return new;
            end if;
            if new.row_version <> old.row_version then
                raise exception 'This row of %.% was changed by somebody else: its row_version is %, not %.',
                    tg_table_schema, tg_table_name, old.row_version, new.row_version
                    using errcode = 'PT409',
                    hint = 'Read the row again and repeat the change.';
            end if;
            new.row_version := old.row_version + 1;
            new.updated_at := now();
            new.updated_by := app.membership_id();
            return new;
        end;
        $function$;

        revoke all on function app.stamp_row() from public;

        comment on function app.stamp_row() is
        'Stamps created_*, updated_* and row_version of a row.';
        """
    )
    execute(
        r"""
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
        """
    )
    execute(
        r"""
        -- The way back of app.merged_values. A field goes back as a whole, and only where nobody has changed it
        -- since the merge; the others are named, so that a person can look at them.
        create or replace function app.unmerged_values(
            winner jsonb,
            before_merge jsonb,
            merged jsonb,
            fields jsonb,
            out back jsonb,
            out changed_since text[]
        )
        returns record
        language plpgsql
        immutable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            custom jsonb := winner -> 'custom';
            field record;
        begin
            back := '{}';
            changed_since := '{}';
            for field in
                select
                    f.key,
                    array_agg(c.name) as names,
                    bool_and(winner -> c.name = coalesce(merged -> c.name, before_merge -> c.name)) as is_unchanged
                  from jsonb_each(fields) as f
                 cross join lateral jsonb_array_elements_text(f.value) as c (name)
                 group by f.key
                having bool_or(merged ? c.name)
                 order by f.key
            loop
                if field.is_unchanged then
                    back := back || (
                        select jsonb_object_agg(n.name, before_merge -> n.name)
                          from unnest(field.names) as n (name)
                    );
                else
                    changed_since := changed_since || field.key;
                end if;
            end loop;
            if merged ? 'custom' then
                for field in
                    select k.key, before_merge -> 'custom' -> k.key as was, merged -> 'custom' -> k.key as became
                      from jsonb_object_keys((before_merge -> 'custom') || (merged -> 'custom')) as k (key)
                     where before_merge -> 'custom' -> k.key is distinct from merged -> 'custom' -> k.key
                     order by k.key
                loop
                    if custom -> field.key is distinct from field.became then
                        changed_since := changed_since || ('custom.' || field.key);
                    elsif field.was is null then
                        custom := custom - field.key;
                    else
                        custom := custom || jsonb_build_object(field.key, field.was);
                    end if;
                end loop;
                back := back || jsonb_build_object('custom', custom);
            end if;
        end;
        $function$;

        revoke all on function app.unmerged_values(jsonb, jsonb, jsonb, jsonb) from public;
        grant execute on function app.unmerged_values(jsonb, jsonb, jsonb, jsonb) to
            gardenos_merger;

        comment on function app.unmerged_values(jsonb, jsonb, jsonb, jsonb) is
        'The columns of the winner that go back when a merge is undone, and the fields that somebody changed since.';
        """
    )
    execute(
        r"""
        grant execute on function app.uuid_v7() to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.activities
        as permissive
        for all
        to gardenos_merger
        using (
            true
        )
        with check (
            true
        );

        grant select on table crm.activities to gardenos_merger;

        grant update (
            company_id,
            contact_id
        ) on table crm.activities to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.calendar_events
        as permissive
        for all
        to gardenos_merger
        using (
            true
        )
        with check (
            true
        );

        grant select on table crm.calendar_events to gardenos_merger;

        grant update (
            company_id
        ) on table crm.calendar_events to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges read and write both records"
        on crm.companies
        as permissive
        for all
        to gardenos_merger
        using (
            true
        )
        with check (
            true
        );

        grant select on table crm.companies to gardenos_merger;

        grant update (
            annual_revenue,
            city,
            country,
            currency,
            custom,
            deleted_at,
            domain,
            employees,
            industry_id,
            merged_into_id,
            name,
            owner_id,
            postal_code,
            region,
            street,
            team_id
        ) on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges read consents"
        on crm.consents
        as permissive
        for select
        to gardenos_merger
        using (
            true
        );

        grant select on table crm.consents to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.contact_companies
        as permissive
        for all
        to gardenos_merger
        using (
            true
        )
        with check (
            true
        );

        grant select, insert, delete on table crm.contact_companies to gardenos_merger;

        grant update (
            company_id,
            contact_id,
            is_primary
        ) on table crm.contact_companies to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.contact_points
        as permissive
        for all
        to gardenos_merger
        using (
            true
        )
        with check (
            true
        );

        grant select on table crm.contact_points to gardenos_merger;

        grant update (
            contact_id,
            is_primary
        ) on table crm.contact_points to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges read and write both records"
        on crm.contacts
        as permissive
        for all
        to gardenos_merger
        using (
            true
        )
        with check (
            true
        );

        grant select on table crm.contacts to gardenos_merger;

        grant update (
            custom,
            deleted_at,
            do_not_contact,
            first_name,
            full_name,
            job_title,
            last_name,
            lifecycle_id,
            locale,
            merged_into_id,
            owner_id,
            source_id,
            team_id,
            timezone
        ) on table crm.contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.conversations
        as permissive
        for all
        to gardenos_merger
        using (
            true
        )
        with check (
            true
        );

        grant select on table crm.conversations to gardenos_merger;

        grant update (
            contact_id
        ) on table crm.conversations to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.deal_contacts
        as permissive
        for all
        to gardenos_merger
        using (
            true
        )
        with check (
            true
        );

        grant select, insert, delete on table crm.deal_contacts to gardenos_merger;

        grant update (
            contact_id
        ) on table crm.deal_contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.deals
        as permissive
        for all
        to gardenos_merger
        using (
            true
        )
        with check (
            true
        );

        grant select on table crm.deals to gardenos_merger;

        grant update (
            company_id,
            primary_contact_id
        ) on table crm.deals to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.files
        as permissive
        for all
        to gardenos_merger
        using (
            true
        )
        with check (
            true
        );

        grant select on table crm.files to gardenos_merger;

        grant update (
            company_id,
            contact_id
        ) on table crm.files to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges are written down"
        on crm.merge_records
        as permissive
        for all
        to gardenos_merger
        using (
            true
        )
        with check (
            true
        );

        grant select, insert on table crm.merge_records to gardenos_merger;

        grant update (
            undone_at,
            undone_by_id
        ) on table crm.merge_records to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.messages
        as permissive
        for all
        to gardenos_merger
        using (
            true
        )
        with check (
            true
        );

        grant select on table crm.messages to gardenos_merger;

        grant update (
            sender_contact_id
        ) on table crm.messages to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.participants
        as permissive
        for all
        to gardenos_merger
        using (
            true
        )
        with check (
            true
        );

        grant select, insert, delete on table crm.participants to gardenos_merger;

        grant update (
            contact_id
        ) on table crm.participants to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on crm.record_tags
        as permissive
        for all
        to gardenos_merger
        using (
            true
        )
        with check (
            true
        );

        grant select, insert, delete on table crm.record_tags to gardenos_merger;

        grant update (
            company_id,
            contact_id
        ) on table crm.record_tags to gardenos_merger;
        """
    )
    execute(
        r"""
        create policy "merges move what hangs on a record"
        on integration.import_rows
        as permissive
        for all
        to gardenos_merger
        using (
            true
        )
        with check (
            true
        );

        grant select on table integration.import_rows to gardenos_merger;

        grant update (
            company_id,
            contact_id
        ) on table integration.import_rows to gardenos_merger;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "merges move what hangs on a record" on integration.import_rows;

        revoke update (
            company_id,
            contact_id
        ) on table integration.import_rows from gardenos_merger;

        revoke select on table integration.import_rows from gardenos_merger;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.record_tags;

        revoke update (
            company_id,
            contact_id
        ) on table crm.record_tags from gardenos_merger;

        revoke select, insert, delete on table crm.record_tags from gardenos_merger;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.participants;

        revoke update (
            contact_id
        ) on table crm.participants from gardenos_merger;

        revoke select, insert, delete on table crm.participants from gardenos_merger;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.messages;

        revoke update (
            sender_contact_id
        ) on table crm.messages from gardenos_merger;

        revoke select on table crm.messages from gardenos_merger;
        """
    )
    execute(
        r"""
        drop policy "merges are written down" on crm.merge_records;

        revoke update (
            undone_at,
            undone_by_id
        ) on table crm.merge_records from gardenos_merger;

        revoke select, insert on table crm.merge_records from gardenos_merger;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.files;

        revoke update (
            company_id,
            contact_id
        ) on table crm.files from gardenos_merger;

        revoke select on table crm.files from gardenos_merger;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.deals;

        revoke update (
            company_id,
            primary_contact_id
        ) on table crm.deals from gardenos_merger;

        revoke select on table crm.deals from gardenos_merger;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.deal_contacts;

        revoke update (
            contact_id
        ) on table crm.deal_contacts from gardenos_merger;

        revoke select, insert, delete on table crm.deal_contacts from gardenos_merger;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.conversations;

        revoke update (
            contact_id
        ) on table crm.conversations from gardenos_merger;

        revoke select on table crm.conversations from gardenos_merger;
        """
    )
    execute(
        r"""
        drop policy "merges read and write both records" on crm.contacts;

        revoke update (
            custom,
            deleted_at,
            do_not_contact,
            first_name,
            full_name,
            job_title,
            last_name,
            lifecycle_id,
            locale,
            merged_into_id,
            owner_id,
            source_id,
            team_id,
            timezone
        ) on table crm.contacts from gardenos_merger;

        revoke select on table crm.contacts from gardenos_merger;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.contact_points;

        revoke update (
            contact_id,
            is_primary
        ) on table crm.contact_points from gardenos_merger;

        revoke select on table crm.contact_points from gardenos_merger;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.contact_companies;

        revoke update (
            company_id,
            contact_id,
            is_primary
        ) on table crm.contact_companies from gardenos_merger;

        revoke select, insert, delete on table crm.contact_companies from gardenos_merger;
        """
    )
    execute(
        r"""
        drop policy "merges read consents" on crm.consents;

        revoke select on table crm.consents from gardenos_merger;
        """
    )
    execute(
        r"""
        drop policy "merges read and write both records" on crm.companies;

        revoke update (
            annual_revenue,
            city,
            country,
            currency,
            custom,
            deleted_at,
            domain,
            employees,
            industry_id,
            merged_into_id,
            name,
            owner_id,
            postal_code,
            region,
            street,
            team_id
        ) on table crm.companies from gardenos_merger;

        revoke select on table crm.companies from gardenos_merger;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.calendar_events;

        revoke update (
            company_id
        ) on table crm.calendar_events from gardenos_merger;

        revoke select on table crm.calendar_events from gardenos_merger;
        """
    )
    execute(
        r"""
        drop policy "merges move what hangs on a record" on crm.activities;

        revoke update (
            company_id,
            contact_id
        ) on table crm.activities from gardenos_merger;

        revoke select on table crm.activities from gardenos_merger;
        """
    )
    execute(
        r"""
        revoke execute on function app.uuid_v7() from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop function app.unmerged_values(winner jsonb, before_merge jsonb, merged jsonb, fields jsonb);
        """
    )
    execute(
        r"""
        set local role gardenos_merger;

        drop function app.undo_merge(id uuid);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        CREATE OR REPLACE FUNCTION app.stamp_row()
         RETURNS trigger
         LANGUAGE plpgsql
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        begin
            if tg_op = 'INSERT' then
                new.created_at := now();
                new.created_by := app.membership_id();
                new.updated_at := new.created_at;
                new.updated_by := new.created_by;
                return new;
            end if;
            if new.row_version <> old.row_version then
                raise exception 'This row of %.% was changed by somebody else: its row_version is %, not %.',
                    tg_table_schema, tg_table_name, old.row_version, new.row_version
                    using errcode = 'PT409',
                    hint = 'Read the row again and repeat the change.';
            end if;
            new.row_version := old.row_version + 1;
            new.updated_at := now();
            new.updated_by := app.membership_id();
            return new;
        end;
        $function$;
        """
    )
    execute(
        r"""
        CREATE OR REPLACE FUNCTION app.stamp_link()
         RETURNS trigger
         LANGUAGE plpgsql
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        begin
            new.created_at := now();
            new.created_by := app.membership_id();
            return new;
        end;
        $function$;
        """
    )
    execute(
        r"""
        set local role gardenos_merger;

        drop function app.similar_names(entity app.entity, name text, at_most integer);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        revoke execute on function app.reach(action text, own app.agency_role[], scope app.agency_role[], team app.agency_role[], agency app.agency_role[]) from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        revoke execute on function app.proof() from gardenos_merger cascade;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.point_children(agency uuid, record_table regclass, from_id uuid, to_id uuid, stay uuid[], ids jsonb);
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        revoke execute on function app.my_teams() from gardenos_merger cascade;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.merged_values(winner jsonb, loser jsonb, fields jsonb, choices jsonb);
        """
    )
    execute(
        r"""
        drop function app.merge_fields(entity app.entity);
        """
    )
    execute(
        r"""
        set local role gardenos_merger;

        drop function app.merge_contacts(winner uuid, loser uuid, choices jsonb);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_merger;

        drop function app.merge_companies(winner uuid, loser uuid, choices jsonb);

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        revoke execute on function app.membership_id() from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke execute on function app.may(action text, VARIADIC roles app.agency_role[]) from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop function app.is_in_reach(reach app.record_scope, owner_id uuid, team_id uuid);
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        revoke execute on function app.is_agent(candidate_id uuid) from gardenos_merger cascade;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        CREATE OR REPLACE FUNCTION app.guard_message()
         RETURNS trigger
         LANGUAGE plpgsql
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        declare
            proof record := app.proof();
        begin
            if tg_op = 'UPDATE' then
                if new.conversation_id <> old.conversation_id then
                    raise exception 'A message stays in its conversation.'
                        using errcode = 'PT403';
                end if;
                -- a foreign key clears who wrote it
                if new.sender_membership_id is not null then
                    new.sender_membership_id := old.sender_membership_id;
                end if;
                if new.sender_contact_id is not null then
                    new.sender_contact_id := old.sender_contact_id;
                end if;
            end if;
            if current_user <> 'authenticated' then
                return new;
            end if;
            if tg_op = 'INSERT' then
                new.sender_membership_id := proof.membership_id;
                new.sender_contact_id := null;
                if proof.agency_role = 'client' then
                    if new.direction <> 'inbound' then
                        raise exception 'A client writes inbound messages only.'
                            using errcode = '42501';
                    end if;
                    new.sender_membership_id := null;
                    new.sender_contact_id := app.contact_id();
                    new.status := 'received';
                    return new;
                end if;
                if new.direction = 'inbound' then
                    raise exception 'Inbound messages come from outside.'
                        using errcode = '42501';
                end if;
                if new.status not in ('draft', 'queued') then
                    raise exception 'A new message is a draft or queued.'
                        using errcode = '42501';
                end if;
            else
                new.sender_membership_id := old.sender_membership_id;
                new.sender_contact_id := old.sender_contact_id;
                if new.direction <> old.direction then
                    raise exception 'A message keeps its direction.'
                        using errcode = '42501';
                end if;
                if old.status <> 'draft' then
                    raise exception 'A message that was handed over is not changed any more.'
                        using errcode = '42501';
                end if;
                if new.status not in (old.status, 'queued') then
                    raise exception 'A draft is queued; only services move it from there.'
                        using errcode = '42501';
                end if;
            end if;
            if new.status <> 'draft' and not proof.is_person then
                raise exception 'An agent writes drafts; a person sends them.'
                    using errcode = '42501';
            end if;
            return new;
        end;
        $function$;
        """
    )
    execute(
        r"""
        CREATE OR REPLACE FUNCTION app.guard_membership()
         RETURNS trigger
         LANGUAGE plpgsql
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        begin
            if tg_when = 'BEFORE' then
                if tg_op = 'UPDATE' and new.user_id <> old.user_id then
                    raise exception 'A membership stays with its user.'
                        using errcode = 'PT403';
                end if;
                if (tg_op = 'INSERT' or new.role <> old.role)
                    and (new.role = 'ai_agent') <> app.is_agent(new.user_id) then
                    raise exception 'The role ai_agent is for users of kind agent, and they have no other.'
                        using errcode = '23514';
                end if;
                new.suspended_at := case when new.status = 'suspended' then coalesce(new.suspended_at, now()) end;
                new.removed_at := case when new.status = 'removed' then coalesce(new.removed_at, now()) end;
            end if;

            if current_user = 'gardenos_tenancy_writer' or (tg_op = 'INSERT' and tg_when = 'BEFORE') then
                return new;
            end if;
            if tg_op = 'INSERT' and new.role <> 'ai_agent' then
                raise exception 'People become members by invitation only.'
                    using errcode = '42501',
                    hint = 'Use app.invite; the first owner is made by app.create_agency.';
            end if;
            if current_user in ('service_role', 'gardenos_owner') then
                return new;
            end if;

            if app.outranks_me(new.role) then
                raise exception 'Your role does not allow you to give the role %.', new.role
                    using errcode = '42501';
            end if;
            if tg_op = 'INSERT' then
                return new;
            end if;
            if app.outranks_me(old.role) then
                raise exception 'Your role does not allow you to touch the membership of a(n) %.', old.role
                    using errcode = '42501';
            end if;
            if old.id = app.membership_id()
                and (new.role, new.record_scope, new.capabilities, new.status)
                is distinct from (old.role, old.record_scope, old.capabilities, old.status) then
                raise exception 'Nobody changes their own role, scope, capabilities or status.'
                    using errcode = '42501',
                    hint = 'Ask another owner or admin; to leave, call app.leave_agency().';
            end if;
            return new;
        end;
        $function$;
        """
    )
    execute(
        r"""
        CREATE OR REPLACE FUNCTION app.guard_invitation()
         RETURNS trigger
         LANGUAGE plpgsql
         SET search_path TO 'pg_catalog', 'pg_temp'
        AS $function$
        begin
            if current_user in ('service_role', 'gardenos_owner', 'gardenos_tenancy_writer') then
                return new;
            end if;
            if app.outranks_me(old.role) then
                raise exception 'Your role does not allow you to touch the invitation of a(n) %.', old.role
                    using errcode = '42501';
            end if;
            if (old.accepted_at is not null or old.revoked_at is not null)
                and (new.revoked_at, new.expires_at) is distinct from (old.revoked_at, old.expires_at) then
                raise exception 'This invitation is closed; it cannot be opened again.'
                    using errcode = '42501',
                    hint = 'Invite the address again with app.invite.';
            end if;
            if new.expires_at > greatest(old.expires_at, now() + interval '30 days') then
                raise exception 'An invitation stays open for at most thirty days.'
                    using errcode = '23514';
            end if;
            return new;
        end;
        $function$;
        """
    )
    execute(
        r"""
        drop function app.duplicate_candidates(table_name text, record_id uuid, at_most integer);
        """
    )
    execute(
        r"""
        set local role gardenos_membership_reader;

        revoke execute on function app.contact_id() from gardenos_merger cascade;

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        drop function app.children_of(record_table regclass);
        """
    )
    execute(
        r"""
        drop function app.can_merge();
        """
    )
