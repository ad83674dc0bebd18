"""Tell what a person agreed to

Reason:    consents are events; whether somebody may be written to is asked in one way, after a
           merge too.
Locks:     none on tables.
Duration:  milliseconds.
Way back:  drops the view and the functions.
"""

from migrations.runner.execute import execute

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
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
        drop view crm.current_consents;
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
        drop function app.may_contact(contact uuid, purpose text, agency uuid);
        """
    )
