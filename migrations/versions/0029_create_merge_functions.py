"""Create merging, duplicate search, consent and upserts

Reason:    two records turn out to be one, are found, merged, and taken apart again; consent is asked in
           one way; tables whose natural key is a partial index are upserted. Functions that merge run
           as gardenos_merger.
Locks:     none on tables.
Duration:  milliseconds.
Way back:  drops the functions and brings the guards back as they were; merged records stay merged.
"""

from migrations.runner.execute import execute

revision = "0029"
down_revision = "0028"
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
        -- An upsert takes a record as JSON. A key that it does not know is a mistake of the client, and silence would
        -- lose what was sent; so is the lack of a natural key.
        create or replace function app.check_keys(record_table text, data jsonb, known text[], required text[])
        returns void
        language plpgsql
        immutable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            named text;
        begin
            if jsonb_typeof(data) is distinct from 'object' then
                raise exception 'A row of % is sent as an object of its columns.', record_table
                    using errcode = '22023';
            end if;
            select k.key
              into named
              from jsonb_object_keys(data) as k (key)
             where k.key <> all(known)
             order by 1
             limit 1;
            if named is not null then
                raise exception '"%" is not written by an upsert of %.', named, record_table
                    using errcode = '22023',
                    hint = 'It takes ' || array_to_string(known, ', ') || '.';
            end if;
            select r.key
              into named
              from unnest(required) as r (key)
             where data ->> r.key is null
             limit 1;
            if named is not null then
                raise exception 'An upsert of % finds the row by %, and that is missing.', record_table, named
                    using errcode = '22023';
            end if;
        end;
        $function$;

        revoke all on function app.check_keys(text, jsonb, text[], text[]) from public;
        grant execute on function app.check_keys(text, jsonb, text[], text[]) to
            authenticated,
            service_role;

        comment on function app.check_keys(text, jsonb, text[], text[]) is
        'Refuses an upsert with an unknown key, or without what it finds the row by: 22023.';
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
        -- May we write to this person for this purpose? Everything that sends asks this, and nothing else: the latest
        -- word counts, of all contacts that are this person by now, and the hand brake do_not_contact is stronger. A
        -- contact that the caller does not see, that is deleted or erased, is not written to. A service without
        -- claims names the agency.
        create or replace function app.may_contact(contact uuid, purpose text, agency uuid default app.agency_id())
        returns boolean
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if agency is null then
                raise exception 'Whether a contact may be written to is asked inside one agency.'
                    using errcode = '22023',
                    hint = 'Bind the claims of a member, or name the agency.';
            end if;
            if not exists (
                select 1
                  from crm.contacts as c
                 where c.agency_id = may_contact.agency
                   and c.id = may_contact.contact
                   and c.deleted_at is null
                   and c.anonymised_at is null
                   and not c.do_not_contact
            ) then
                return false;
            end if;
            return coalesce(
                (
                    select e.status = 'granted'
                      from (
                          select c.status, c.occurred_at, c.id
                            from crm.consents as c
                           where c.agency_id = may_contact.agency
                             and c.contact_id = may_contact.contact
                             and c.purpose = may_contact.purpose
                          union all
                          select c.status, c.occurred_at, c.id
                            from crm.contacts as l
                            join crm.consents as c
                              on c.agency_id = l.agency_id
                             and c.contact_id = l.id
                             and c.purpose = may_contact.purpose
                           where l.agency_id = may_contact.agency
                             and l.merged_into_id = may_contact.contact
                          union all
                          select m.status, m.occurred_at, m.id
                            from app.merged_consents(may_contact.contact) as m
                           where m.agency_id = may_contact.agency
                             and m.purpose = may_contact.purpose
                      ) as e
                     order by e.occurred_at desc, e.id desc
                     limit 1
                ),
                false
            );
        end;
        $function$;

        revoke all on function app.may_contact(uuid, text, uuid) from public;
        grant execute on function app.may_contact(uuid, text, uuid) to
            authenticated,
            service_role,
            gardenos_worker;

        comment on function app.may_contact(uuid, text, uuid) is
        'May this person be written to for this purpose? False also for a contact that the caller does not see.';
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
        -- Consents stay with the contact that they were given to, also when it was merged away. Most readers do not
        -- see that contact any more, and a withdrawal must not be lost with it. So these are read past RLS, under
        -- the id of the contact that is left, for whoever sees that one: its scope is repeated here. All of the
        -- agency, or those of one contact. A service without claims gets nothing here, and sees both contacts anyway.
        set local role gardenos_merger;

        create or replace function app.merged_consents(contact uuid default null)
        returns table (
            agency_id uuid,
            contact_id uuid,
            id uuid,
            purpose text,
            lawful_basis app.lawful_basis,
            status app.consent_status,
            source app.label,
            occurred_at timestamptz
        )
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
            my_teams uuid[] := app.my_teams();
            myself uuid;
            reach app.record_scope;
        begin
            if app.may('crm.consents:select', 'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent') then
                reach := app.reach(
                    'crm.contacts:select',
                    agency => '{owner,admin}',
                    scope => '{manager,member,viewer,ai_agent}'
                );
            elsif app.may('crm.consents:select', 'client') then
                myself := app.contact_id();
            end if;
            return query
            select w.agency_id, w.id, c.id, c.purpose, c.lawful_basis, c.status, c.source, c.occurred_at
              from crm.contacts as l
              join crm.contacts as w
                on w.agency_id = l.agency_id
               and w.id = l.merged_into_id
               and w.deleted_at is null
              join crm.consents as c
                on c.agency_id = l.agency_id
               and c.contact_id = l.id
             where l.agency_id = proof.agency_id
               and l.merged_into_id is not null
               and (merged_consents.contact is null or l.merged_into_id = merged_consents.contact)
               and case reach
                   when 'all' then true
                   when 'team' then
                       w.owner_id = proof.membership_id
                       or w.team_id = any(my_teams)
                       or (w.owner_id is null and w.team_id is null)
                   when 'own' then w.owner_id = proof.membership_id
                   else w.id = myself
               end;
        end;
        $function$;

        revoke all on function app.merged_consents(uuid) from public;
        grant execute on function app.merged_consents(uuid) to
            authenticated,
            service_role,
            gardenos_worker,
            gardenos_auditor;

        comment on function app.merged_consents(uuid) is
        'The consents of contacts that were merged, under the contact that is left, as far as the caller sees that.';

        set local role gardenos_owner;
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
        -- The normalised form of an address, as crm.contact_points.value_norm has it: for looking one up before it is
        -- written.
        create or replace function app.normal_point(kind app.point_kind, value text, e164 text default null)
        returns text
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return case kind
                when 'phone' then coalesce(e164, regexp_replace(value, '[^0-9+]', '', 'g'))
                else lower(btrim(value))
            end;
        end;
        $function$;

        revoke all on function app.normal_point(app.point_kind, text, text) from public;
        grant execute on function app.normal_point(app.point_kind, text, text) to
            authenticated,
            service_role;

        comment on function app.normal_point(app.point_kind, text, text) is
        'The normalised form of an address, as crm.contact_points.value_norm has it.';
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
        -- Puts a tag on a contact, a company or a deal; once there it stays as it is, however often it is put. Name
        -- one of the three.
        create or replace function app.tag_record(
            tag_id uuid,
            contact_id uuid default null,
            company_id uuid default null,
            deal_id uuid default null,
            agency_id uuid default app.agency_id()
        )
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            found uuid;
        begin
            if num_nonnulls(tag_record.contact_id, tag_record.company_id, tag_record.deal_id) <> 1 then
                raise exception 'A tag is put on one record: a contact, a company or a deal.'
                    using errcode = '22023';
            end if;
            insert into crm.record_tags as r (agency_id, tag_id, contact_id, company_id, deal_id)
            values (
                tag_record.agency_id,
                tag_record.tag_id,
                tag_record.contact_id,
                tag_record.company_id,
                tag_record.deal_id
            )
            on conflict do nothing
            returning r.id into found;
            if found is null then
                select r.id into found
                  from crm.record_tags as r
                 where r.agency_id = tag_record.agency_id
                   and r.tag_id = tag_record.tag_id
                   and (
                       r.contact_id = tag_record.contact_id
                       or r.company_id = tag_record.company_id
                       or r.deal_id = tag_record.deal_id
                   );
            end if;
            return found;
        end;
        $function$;

        revoke all on function app.tag_record(uuid, uuid, uuid, uuid, uuid) from public;
        grant execute on function app.tag_record(uuid, uuid, uuid, uuid, uuid) to
            authenticated,
            service_role;

        comment on function app.tag_record(uuid, uuid, uuid, uuid, uuid) is
        'Puts a tag on one record, if it has it not already; answers the id of the link.';
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
        -- As app.upsert_company, by owner, calendar, UID and occurrence. The owner is the caller unless another one
        -- is named.
        create or replace function app.upsert_calendar_event(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sent crm.calendar_events := jsonb_populate_record(null::crm.calendar_events, data);
            found uuid;
        begin
            perform app.check_keys(
                'crm.calendar_events',
                data,
                array[
                    'agency_id', 'id', 'title', 'description', 'location', 'starts_at', 'ends_at', 'all_day',
                    'timezone', 'calendar_key', 'external_uid', 'recurrence_id', 'recurrence_rule', 'owner_id',
                    'team_id', 'company_id', 'deal_id', 'visibility', 'row_version'
                ],
                array['external_uid']
            );
            insert into crm.calendar_events as r (
                agency_id, id, title, description, location, starts_at, ends_at, all_day, timezone, calendar_key,
                external_uid, recurrence_id, recurrence_rule, owner_id, team_id, company_id, deal_id, visibility
            )
            values (
                coalesce(sent.agency_id, app.agency_id()),
                coalesce(sent.id, app.uuid_v7()),
                sent.title,
                sent.description,
                sent.location,
                sent.starts_at,
                sent.ends_at,
                coalesce(sent.all_day, false),
                sent.timezone,
                coalesce(sent.calendar_key, 'default'),
                sent.external_uid,
                coalesce(sent.recurrence_id, '-'),
                sent.recurrence_rule,
                coalesce(sent.owner_id, app.membership_id()),
                sent.team_id,
                sent.company_id,
                sent.deal_id,
                coalesce(sent.visibility, 'agency')
            )
            on conflict (agency_id, owner_id, calendar_key, external_uid, recurrence_id) where deleted_at is null do update
               set (
                   title, description, location, starts_at, ends_at, all_day, timezone, calendar_key, external_uid,
                   recurrence_id, recurrence_rule, owner_id, team_id, company_id, deal_id, visibility, row_version
               ) = (
                   select
                       p.title, p.description, p.location, p.starts_at, p.ends_at, p.all_day, p.timezone,
                       p.calendar_key, p.external_uid, p.recurrence_id, p.recurrence_rule, p.owner_id, p.team_id,
                       p.company_id, p.deal_id, p.visibility, p.row_version
                     from jsonb_populate_record(r, data) as p
               )
            returning r.id into found;
            return found;
        end;
        $function$;

        revoke all on function app.upsert_calendar_event(jsonb) from public;
        grant execute on function app.upsert_calendar_event(jsonb) to
            authenticated,
            service_role;

        comment on function app.upsert_calendar_event(jsonb) is
        'Adds the event with this UID, or changes the live one; answers its id.';
        """
    )
    execute(
        r"""
        -- A company by its domain, as a webhook or a form sends it: added, or, when a live one has the domain,
        -- changed in the columns that were sent and no others. PostgREST cannot name a partial index (42P10), so this
        -- does. What a new row must have is sent each time, because PostgreSQL asks for it before it looks for the
        -- other row. With row_version the change is refused when somebody was faster. SECURITY INVOKER: whoever may
        -- add and change companies may do it so, and one that the caller may not change is refused with 42501.
        create or replace function app.upsert_company(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sent crm.companies := jsonb_populate_record(null::crm.companies, data);
            found uuid;
        begin
            perform app.check_keys(
                'crm.companies',
                data,
                array[
                    'agency_id', 'id', 'name', 'domain', 'industry_id', 'employees', 'annual_revenue', 'currency',
                    'street', 'city', 'region', 'postal_code', 'country', 'owner_id', 'team_id', 'custom',
                    'row_version'
                ],
                array['domain']
            );
            insert into crm.companies as r (
                agency_id, id, name, domain, industry_id, employees, annual_revenue, currency, street, city, region,
                postal_code, country, owner_id, team_id, custom
            )
            values (
                coalesce(sent.agency_id, app.agency_id()),
                coalesce(sent.id, app.uuid_v7()),
                sent.name,
                sent.domain,
                sent.industry_id,
                sent.employees,
                sent.annual_revenue,
                sent.currency,
                sent.street,
                sent.city,
                sent.region,
                sent.postal_code,
                sent.country,
                sent.owner_id,
                sent.team_id,
                coalesce(sent.custom, '{}')
            )
            on conflict (agency_id, domain) where deleted_at is null do update
               set (
                   name, domain, industry_id, employees, annual_revenue, currency, street, city, region, postal_code,
                   country, owner_id, team_id, custom, row_version
               ) = (
                   select
                       p.name, p.domain, p.industry_id, p.employees, p.annual_revenue, p.currency, p.street, p.city,
                       p.region, p.postal_code, p.country, p.owner_id, p.team_id, p.custom, p.row_version
                     from jsonb_populate_record(r, data) as p
               )
            returning r.id into found;
            return found;
        end;
        $function$;

        revoke all on function app.upsert_company(jsonb) from public;
        grant execute on function app.upsert_company(jsonb) to
            authenticated,
            service_role;

        comment on function app.upsert_company(jsonb) is
        'Adds the company with this domain, or changes the live one; answers its id.';
        """
    )
    execute(
        r"""
        -- As app.upsert_company, for a person by e-mail or phone: besides the columns of a contact, "email" and
        -- "phone". A live contact that has one of them is changed and gets the other; otherwise a new one gets both.
        -- An address that is shared names nobody. When the two belong to two people it fails with 23505 and names
        -- them, so that an interface can offer to merge.
        --
        -- Two that come at the same moment find nobody, and the second meets the address of the first: it then looks
        -- again. Where the address belongs to somebody whom the caller does not see, that look finds nobody either.
        create or replace function app.upsert_contact(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            own jsonb := data - '{email,phone}'::text[];
            sent crm.contacts := jsonb_populate_record(null::crm.contacts, own);
            agency uuid := coalesce(sent.agency_id, app.agency_id());
            points jsonb := jsonb_build_array(
                jsonb_build_object('kind', 'email', 'value', data ->> 'email'),
                jsonb_build_object('kind', 'phone', 'value', data ->> 'phone')
            );
            people uuid[];
            person uuid;
            point record;
            is_last boolean := false;
        begin
            perform app.check_keys(
                'crm.contacts',
                data,
                array[
                    'agency_id', 'id', 'full_name', 'first_name', 'last_name', 'job_title', 'lifecycle_id', 'source_id',
                    'locale', 'timezone', 'owner_id', 'team_id', 'do_not_contact', 'custom', 'row_version', 'email',
                    'phone'
                ],
                '{}'
            );
            if data ->> 'email' is null and data ->> 'phone' is null then
                raise exception 'An upsert of crm.contacts finds the person by email or phone, and both are missing.'
                    using errcode = '22023';
            end if;
            loop
                people := array(
                    select distinct p.contact_id
                      from jsonb_to_recordset(points) as s (kind app.point_kind, value text)
                      join crm.contact_points as p
                        on p.agency_id = agency
                       and p.value_norm = app.normal_point(s.kind, s.value)
                       and p.kind = s.kind
                       and p.deleted_at is null
                       and not p.is_shared
                );
                if cardinality(people) > 1 then
                    raise exception 'The e-mail address and the number belong to two contacts.'
                        using errcode = '23505',
                        detail = jsonb_build_object('live_ids', people)::text,
                        hint = 'Merge the two, or send one of both.';
                end if;
                begin
                    person := people[1];
                    if person is null then
                        insert into crm.contacts as r (
                            agency_id, id, full_name, first_name, last_name, job_title, lifecycle_id, source_id, locale,
                            timezone, owner_id, team_id, do_not_contact, custom
                        )
                        values (
                            agency,
                            coalesce(sent.id, app.uuid_v7()),
                            sent.full_name,
                            sent.first_name,
                            sent.last_name,
                            sent.job_title,
                            sent.lifecycle_id,
                            sent.source_id,
                            sent.locale,
                            sent.timezone,
                            sent.owner_id,
                            sent.team_id,
                            coalesce(sent.do_not_contact, false),
                            coalesce(sent.custom, '{}')
                        )
                        returning r.id into person;
                    else
                        update crm.contacts as r
                           set (
                               full_name, first_name, last_name, job_title, lifecycle_id, source_id, locale, timezone,
                               owner_id, team_id, do_not_contact, custom, row_version
                           ) = (
                               select
                                   p.full_name, p.first_name, p.last_name, p.job_title, p.lifecycle_id, p.source_id,
                                   p.locale, p.timezone, p.owner_id, p.team_id, p.do_not_contact, p.custom, p.row_version
                                 from jsonb_populate_record(r, own) as p
                           )
                         where r.agency_id = agency
                           and r.id = person;
                        if not found then
                            raise exception 'You may not change the contact who has this address.'
                                using errcode = '42501';
                        end if;
                    end if;
                    for point in
                        select s.kind, s.value
                          from jsonb_to_recordset(points) as s (kind app.point_kind, value text)
                         where s.value is not null
                           and not exists (
                               select 1
                                 from crm.contact_points as p
                                where p.agency_id = agency
                                  and p.contact_id = person
                                  and p.kind = s.kind
                                  and p.value_norm = app.normal_point(s.kind, s.value)
                                  and p.deleted_at is null
                           )
                    loop
                        insert into crm.contact_points (agency_id, contact_id, kind, value, is_primary)
                        values (
                            agency,
                            person,
                            point.kind,
                            point.value,
                            not exists (
                                select 1
                                  from crm.contact_points as p
                                 where p.agency_id = agency
                                   and p.contact_id = person
                                   and p.kind = point.kind
                                   and p.is_primary
                                   and p.deleted_at is null
                            )
                        );
                    end loop;
                    return person;
                exception
                    when unique_violation then
                        if is_last then
                            raise;
                        end if;
                        is_last := true;
                end;
            end loop;
        end;
        $function$;

        revoke all on function app.upsert_contact(jsonb) from public;
        grant execute on function app.upsert_contact(jsonb) to
            authenticated,
            service_role;

        comment on function app.upsert_contact(jsonb) is
        'Adds the person with this email or phone, or changes the live one; answers the id of the contact.';
        """
    )
    execute(
        r"""
        -- As app.upsert_company, for an employment by contact and company, as long as it has not ended. With ended_on
        -- it ends the one that there is; when there is none, an employment that is over is added.
        create or replace function app.upsert_contact_company(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sent crm.contact_companies := jsonb_populate_record(null::crm.contact_companies, data);
            agency uuid := coalesce(sent.agency_id, app.agency_id());
            changed uuid;
        begin
            perform app.check_keys(
                'crm.contact_companies',
                data,
                array[
                    'agency_id', 'id', 'contact_id', 'company_id', 'role_title', 'is_primary', 'started_on', 'ended_on',
                    'row_version'
                ],
                array['contact_id', 'company_id']
            );
            if sent.ended_on is not null then
                update crm.contact_companies as r
                   set (role_title, is_primary, started_on, ended_on, row_version) = (
                       select p.role_title, p.is_primary, p.started_on, p.ended_on, p.row_version
                         from jsonb_populate_record(r, data) as p
                   )
                 where r.agency_id = agency
                   and r.contact_id = sent.contact_id
                   and r.company_id = sent.company_id
                   and r.ended_on is null
                returning r.id into changed;
                if changed is not null then
                    return changed;
                end if;
            end if;
            insert into crm.contact_companies as r (
                agency_id, id, contact_id, company_id, role_title, is_primary, started_on, ended_on
            )
            values (
                agency,
                coalesce(sent.id, app.uuid_v7()),
                sent.contact_id,
                sent.company_id,
                sent.role_title,
                coalesce(sent.is_primary, false),
                sent.started_on,
                sent.ended_on
            )
            on conflict (agency_id, contact_id, company_id) where ended_on is null do update
               set (role_title, is_primary, started_on, row_version) = (
                   select p.role_title, p.is_primary, p.started_on, p.row_version
                     from jsonb_populate_record(r, data) as p
               )
            returning r.id into changed;
            return changed;
        end;
        $function$;

        revoke all on function app.upsert_contact_company(jsonb) from public;
        grant execute on function app.upsert_contact_company(jsonb) to
            authenticated,
            service_role;

        comment on function app.upsert_contact_company(jsonb) is
        'Adds the employment of a person at a company, or changes the one that has not ended; answers its id.';
        """
    )
    execute(
        r"""
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
        """
    )
    execute(
        r"""
        -- As app.upsert_company, by channel and the id of the thread at the provider. The id is ours.
        create or replace function app.upsert_conversation(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sent crm.conversations := jsonb_populate_record(null::crm.conversations, data);
            found uuid;
        begin
            perform app.check_keys(
                'crm.conversations',
                data,
                array[
                    'agency_id', 'channel', 'subject', 'status', 'contact_id', 'deal_id', 'owner_id', 'assignee_id',
                    'team_id', 'visibility', 'external_thread_id', 'snoozed_until', 'row_version'
                ],
                array['channel', 'external_thread_id']
            );
            insert into crm.conversations as r (
                agency_id, channel, subject, status, contact_id, deal_id, owner_id, assignee_id, team_id,
                visibility, external_thread_id, snoozed_until
            )
            values (
                coalesce(sent.agency_id, app.agency_id()),
                sent.channel,
                sent.subject,
                coalesce(sent.status, 'open'),
                sent.contact_id,
                sent.deal_id,
                sent.owner_id,
                sent.assignee_id,
                sent.team_id,
                coalesce(sent.visibility, 'team'),
                sent.external_thread_id,
                sent.snoozed_until
            )
            on conflict (agency_id, channel, external_thread_id) where external_thread_id is not null and deleted_at is null do update
               set (
                   channel, subject, status, contact_id, deal_id, owner_id, assignee_id, team_id, visibility,
                   external_thread_id, snoozed_until, row_version
               ) = (
                   select
                       p.channel, p.subject, p.status, p.contact_id, p.deal_id, p.owner_id, p.assignee_id, p.team_id,
                       p.visibility, p.external_thread_id, p.snoozed_until, p.row_version
                     from jsonb_populate_record(r, data) as p
               )
            returning r.id into found;
            return found;
        end;
        $function$;

        revoke all on function app.upsert_conversation(jsonb) from public;
        grant execute on function app.upsert_conversation(jsonb) to
            authenticated,
            service_role;

        comment on function app.upsert_conversation(jsonb) is
        'Adds the conversation with this thread, or changes the live one; answers its id.';
        """
    )
    execute(
        r"""
        -- As app.upsert_company, by conversation and the id of the message at the provider: a webhook that is sent
        -- twice is one message. One that was deleted does not arrive again and stays as it is. For
        -- services: people write drafts, which have no such id.
        create or replace function app.upsert_message(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sent crm.messages := jsonb_populate_record(null::crm.messages, data);
            found uuid;
        begin
            perform app.check_keys(
                'crm.messages',
                data,
                array[
                    'agency_id', 'id', 'conversation_id', 'direction', 'status', 'sender_membership_id',
                    'sender_contact_id', 'sender_label', 'body_text', 'body_html_path', 'sent_at', 'external_id',
                    'in_reply_to', 'error', 'row_version'
                ],
                array['conversation_id', 'external_id']
            );
            insert into crm.messages as r (
                agency_id, id, conversation_id, direction, status, sender_membership_id, sender_contact_id,
                sender_label, body_text, body_html_path, sent_at, external_id, in_reply_to, error
            )
            values (
                coalesce(sent.agency_id, app.agency_id()),
                coalesce(sent.id, app.uuid_v7()),
                sent.conversation_id,
                sent.direction,
                coalesce(sent.status, 'draft'),
                sent.sender_membership_id,
                sent.sender_contact_id,
                sent.sender_label,
                sent.body_text,
                sent.body_html_path,
                coalesce(sent.sent_at, now()),
                sent.external_id,
                sent.in_reply_to,
                sent.error
            )
            on conflict (agency_id, conversation_id, external_id) where external_id is not null do update
               set (
                   conversation_id, direction, status, sender_membership_id, sender_contact_id, sender_label,
                   body_text, body_html_path, sent_at, external_id, in_reply_to, error, row_version
               ) = (
                   select
                       p.conversation_id, p.direction, p.status, p.sender_membership_id, p.sender_contact_id,
                       p.sender_label, p.body_text, p.body_html_path, p.sent_at, p.external_id, p.in_reply_to, p.error,
                       p.row_version
                     from jsonb_populate_record(r, data) as p
               )
             where r.deleted_at is null
            returning r.id into found;
            if found is null then
                select m.id into found
                  from crm.messages as m
                 where m.agency_id = coalesce(sent.agency_id, app.agency_id())
                   and m.conversation_id = sent.conversation_id
                   and m.external_id = sent.external_id;
            end if;
            return found;
        end;
        $function$;

        revoke all on function app.upsert_message(jsonb) from public;
        grant execute on function app.upsert_message(jsonb) to
            service_role;

        comment on function app.upsert_message(jsonb) is
        'Adds the message with this id of the provider, or changes it; answers its id.';
        """
    )
    execute(
        r"""
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
        """
    )
    execute(
        r"""
        -- As app.upsert_company, by owner, entity and name, upper or lower case. The owner is the caller unless
        -- another one is named.
        create or replace function app.upsert_saved_view(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sent crm.saved_views := jsonb_populate_record(null::crm.saved_views, data);
            found uuid;
        begin
            perform app.check_keys(
                'crm.saved_views',
                data,
                array[
                    'agency_id', 'id', 'owner_id', 'team_id', 'visibility', 'entity', 'name', 'filter', 'columns',
                    'row_version'
                ],
                array['entity', 'name']
            );
            insert into crm.saved_views as r (
                agency_id, id, owner_id, team_id, visibility, entity, name, filter, columns
            )
            values (
                coalesce(sent.agency_id, app.agency_id()),
                coalesce(sent.id, app.uuid_v7()),
                coalesce(sent.owner_id, app.membership_id()),
                sent.team_id,
                coalesce(sent.visibility, 'private'),
                sent.entity,
                sent.name,
                coalesce(sent.filter, '{}'),
                coalesce(sent.columns, '[]')
            )
            on conflict (agency_id, owner_id, entity, lower(name)) where deleted_at is null do update
               set (
                   owner_id, team_id, visibility, entity, name, filter, columns, row_version
               ) = (
                   select
                       p.owner_id, p.team_id, p.visibility, p.entity, p.name, p.filter, p.columns, p.row_version
                     from jsonb_populate_record(r, data) as p
               )
            returning r.id into found;
            return found;
        end;
        $function$;

        revoke all on function app.upsert_saved_view(jsonb) from public;
        grant execute on function app.upsert_saved_view(jsonb) to
            authenticated,
            service_role;

        comment on function app.upsert_saved_view(jsonb) is
        'Adds my view with this name, or changes the live one; answers its id.';
        """
    )
    execute(
        r"""
        -- As app.upsert_company, by the name of the tag, upper or lower case.
        create or replace function app.upsert_tag(data jsonb)
        returns uuid
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            sent crm.tags := jsonb_populate_record(null::crm.tags, data);
            found uuid;
        begin
            perform app.check_keys(
                'crm.tags',
                data,
                array[
                    'agency_id', 'id', 'name', 'color', 'row_version'
                ],
                array['name']
            );
            insert into crm.tags as r (
                agency_id, id, name, color
            )
            values (
                coalesce(sent.agency_id, app.agency_id()),
                coalesce(sent.id, app.uuid_v7()),
                sent.name,
                coalesce(sent.color, '#888888')
            )
            on conflict (agency_id, lower(name)) where deleted_at is null do update
               set (
                   name, color, row_version
               ) = (
                   select
                       p.name, p.color, p.row_version
                     from jsonb_populate_record(r, data) as p
               )
            returning r.id into found;
            return found;
        end;
        $function$;

        revoke all on function app.upsert_tag(jsonb) from public;
        grant execute on function app.upsert_tag(jsonb) to
            authenticated,
            service_role;

        comment on function app.upsert_tag(jsonb) is
        'Adds the tag with this name, or changes the live one; answers its id.';
        """
    )
    execute(
        r"""
        grant execute on function app.uuid_v7() to gardenos_merger;
        """
    )
    execute(
        r"""
        create or replace view crm.current_consents
        with (security_invoker = true)
        as
        select distinct on (e.agency_id, e.contact_id, e.purpose)
            e.agency_id,
            e.contact_id,
            e.purpose,
            e.status,
            e.lawful_basis,
            e.source,
            e.occurred_at,
            e.id as consent_id
        from (
            select
                c.agency_id,
                c.contact_id,
                c.id,
                c.purpose,
                c.lawful_basis,
                c.status,
                c.source,
                c.occurred_at
            from crm.consents as c
            union all
            select
                l.agency_id,
                l.merged_into_id as contact_id,
                c.id,
                c.purpose,
                c.lawful_basis,
                c.status,
                c.source,
                c.occurred_at
            from crm.contacts as l
            inner join crm.consents as c
                on l.agency_id = c.agency_id
                and l.id = c.contact_id
            where l.merged_into_id is not null
            union all
            select
                m.agency_id,
                m.contact_id,
                m.id,
                m.purpose,
                m.lawful_basis,
                m.status,
                m.source,
                m.occurred_at
            from app.merged_consents() as m
        ) as e
        order by e.agency_id asc, e.contact_id asc, e.purpose asc, e.occurred_at desc, e.id desc;

        grant select on table crm.current_consents to authenticated;

        grant select on table crm.current_consents to gardenos_auditor;

        grant select on table crm.current_consents to service_role;

        comment on view crm.current_consents is
        'What each person agrees to now, by purpose.';
        """
    )
    execute(
        r"""
        grant update (company_id) on table crm.activities to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (contact_id) on table crm.activities to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (company_id) on table crm.calendar_events to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (annual_revenue) on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (city) on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (country) on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (currency) on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (custom) on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (deleted_at) on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (domain) on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (employees) on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (industry_id) on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (merged_into_id) on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (name) on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (owner_id) on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (postal_code) on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (region) on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (street) on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (team_id) on table crm.companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (company_id) on table crm.contact_companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (contact_id) on table crm.contact_companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (is_primary) on table crm.contact_companies to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (contact_id) on table crm.contact_points to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (is_primary) on table crm.contact_points to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (custom) on table crm.contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (deleted_at) on table crm.contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (do_not_contact) on table crm.contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (first_name) on table crm.contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (full_name) on table crm.contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (job_title) on table crm.contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (last_name) on table crm.contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (lifecycle_id) on table crm.contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (locale) on table crm.contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (merged_into_id) on table crm.contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (owner_id) on table crm.contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (source_id) on table crm.contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (team_id) on table crm.contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (timezone) on table crm.contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (contact_id) on table crm.conversations to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (contact_id) on table crm.deal_contacts to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (company_id) on table crm.deals to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (primary_contact_id) on table crm.deals to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (company_id) on table crm.files to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (contact_id) on table crm.files to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (undone_at) on table crm.merge_records to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (undone_by_id) on table crm.merge_records to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (sender_contact_id) on table crm.messages to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (contact_id) on table crm.participants to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (company_id) on table crm.record_tags to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (contact_id) on table crm.record_tags to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (company_id) on table integration.import_rows to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (contact_id) on table integration.import_rows to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (contact_id) on table tenancy.invitations to gardenos_merger;
        """
    )
    execute(
        r"""
        grant update (contact_id) on table tenancy.memberships to gardenos_merger;
        """
    )
    execute(
        r"""
        comment on column crm.current_consents.agency_id is 'Of the events.';
        comment on column crm.current_consents.contact_id is 'The person; of merged contacts the one that is left.';
        comment on column crm.current_consents.purpose is 'What for.';
        comment on column crm.current_consents.status is 'The latest word.';
        comment on column crm.current_consents.lawful_basis is 'Of that event.';
        comment on column crm.current_consents.source is 'Of that event.';
        comment on column crm.current_consents.occurred_at is 'When it happened, by its source.';
        comment on column crm.current_consents.consent_id is 'That event.';
        """
    )


def downgrade() -> None:
    execute(
        r"""
        revoke update (contact_id) on table tenancy.memberships from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (contact_id) on table tenancy.invitations from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (contact_id) on table integration.import_rows from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (company_id) on table integration.import_rows from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (contact_id) on table crm.record_tags from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (company_id) on table crm.record_tags from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (contact_id) on table crm.participants from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (sender_contact_id) on table crm.messages from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (undone_by_id) on table crm.merge_records from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (undone_at) on table crm.merge_records from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (contact_id) on table crm.files from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (company_id) on table crm.files from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (primary_contact_id) on table crm.deals from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (company_id) on table crm.deals from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (contact_id) on table crm.deal_contacts from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (contact_id) on table crm.conversations from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (timezone) on table crm.contacts from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (team_id) on table crm.contacts from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (source_id) on table crm.contacts from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (owner_id) on table crm.contacts from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (merged_into_id) on table crm.contacts from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (locale) on table crm.contacts from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (lifecycle_id) on table crm.contacts from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (last_name) on table crm.contacts from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (job_title) on table crm.contacts from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (full_name) on table crm.contacts from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (first_name) on table crm.contacts from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (do_not_contact) on table crm.contacts from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (deleted_at) on table crm.contacts from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (custom) on table crm.contacts from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (is_primary) on table crm.contact_points from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (contact_id) on table crm.contact_points from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (is_primary) on table crm.contact_companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (contact_id) on table crm.contact_companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (company_id) on table crm.contact_companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (team_id) on table crm.companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (street) on table crm.companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (region) on table crm.companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (postal_code) on table crm.companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (owner_id) on table crm.companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (name) on table crm.companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (merged_into_id) on table crm.companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (industry_id) on table crm.companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (employees) on table crm.companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (domain) on table crm.companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (deleted_at) on table crm.companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (custom) on table crm.companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (currency) on table crm.companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (country) on table crm.companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (city) on table crm.companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (annual_revenue) on table crm.companies from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (company_id) on table crm.calendar_events from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (contact_id) on table crm.activities from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        revoke update (company_id) on table crm.activities from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop view crm.current_consents;
        """
    )
    execute(
        r"""
        revoke execute on function app.uuid_v7() from gardenos_merger cascade;
        """
    )
    execute(
        r"""
        drop function app.upsert_tag(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_saved_view(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_product(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_message(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_conversation(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_contact_point(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_contact_company(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_contact(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_company(data jsonb);
        """
    )
    execute(
        r"""
        drop function app.upsert_calendar_event(data jsonb);
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
        drop function app.tag_record(tag_id uuid, contact_id uuid, company_id uuid, deal_id uuid, agency_id uuid);
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
        drop function app.normal_point(kind app.point_kind, value text, e164 text);
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
        set local role gardenos_merger;

        drop function app.merged_consents(contact uuid);

        set local role gardenos_owner;
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
        drop function app.may_contact(contact uuid, purpose text, agency uuid);
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
        drop function app.check_keys(record_table text, data jsonb, known text[], required text[]);
        """
    )
    execute(
        r"""
        drop function app.can_merge();
        """
    )
