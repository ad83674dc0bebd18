"""Hand records over when a member leaves, and close an agency

Reason:    who leaves must leave nothing behind that nobody works on; an owner closes an agency.
Locks:     ShareRowExclusive on tenancy.memberships, to create the trigger.
Duration:  milliseconds; members who were removed before are not looked at.
Way back:  drops trigger and functions: members can be removed with their records again; agencies
           that were closed stay closed.
"""

from migrations.runner.execute import execute

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- Nothing is orphaned: who is removed owns no live record any more and has none to do, whoever removes them
        -- and by whichever way. Checked at COMMIT, so that status and records may change in any order. Private
        -- records are left out: they are nobody else's. An agency that closes needs no heirs.
        --
        -- SECURITY DEFINER, as the role of look-ups: whoever leaves sees nothing any more at COMMIT.
        set local role gardenos_search;

        create or replace function app.check_hand_over()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            left_behind text;
        begin
            select string_agg(o.records, ', ' order by o.records)
              into left_behind
              from (
                  select 'companies' as records
                   where exists (
                       select 1
                         from crm.companies as r
                        where r.agency_id = new.agency_id
                          and r.owner_id = new.id
                          and r.deleted_at is null
                   )
                  union all
                  select 'contacts'
                   where exists (
                       select 1
                         from crm.contacts as r
                        where r.agency_id = new.agency_id
                          and r.owner_id = new.id
                          and r.deleted_at is null
                          and r.anonymised_at is null
                   )
                  union all
                  select 'deals'
                   where exists (
                       select 1
                         from crm.deals as r
                        where r.agency_id = new.agency_id
                          and r.owner_id = new.id
                          and r.deleted_at is null
                   )
                  union all
                  select 'activities'
                   where exists (
                       select 1
                         from crm.activities as r
                        where r.agency_id = new.agency_id
                          and (r.owner_id = new.id or r.assignee_id = new.id)
                          and r.visibility <> 'private'
                          and r.deleted_at is null
                   )
                  union all
                  select 'conversations'
                   where exists (
                       select 1
                         from crm.conversations as r
                        where r.agency_id = new.agency_id
                          and (r.owner_id = new.id or r.assignee_id = new.id)
                          and r.visibility <> 'private'
                          and r.deleted_at is null
                   )
                  union all
                  select 'calendar events'
                   where exists (
                       select 1
                         from crm.calendar_events as r
                        where r.agency_id = new.agency_id
                          and r.owner_id = new.id
                          and r.visibility <> 'private'
                          and r.deleted_at is null
                   )
              ) as o;
            if left_behind is not null then
                raise exception 'Member % would leave records behind: %.', new.id, left_behind
                    using errcode = '23514',
                    hint = 'Call app.remove_member with an heir, or app.hand_over first.';
            end if;
            return null;
        end;
        $function$;

        revoke all on function app.check_hand_over() from public;
        grant execute on function app.check_hand_over() to
            gardenos_owner;

        comment on function app.check_hand_over() is
        'Refuses, at COMMIT, to remove a member who still owns records or has some to do.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Closes the agency of the token. From the next statement on no claim of it is proved: nobody reads or writes
        -- there, the caller included, no key works, no invitation is accepted, and no token is made for it. Nothing
        -- is deleted: that is the business of retention, and until then service_role can open it again by setting
        -- the status.
        --
        -- SECURITY DEFINER: no API role may write the status. For an owner, in person; a key needs the scope.
        set local role gardenos_tenancy_writer;

        create or replace function app.close_agency()
        returns void
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            proof record := app.proof();
        begin
            if not app.may('tenancy.agencies:update', 'owner') or not proof.is_person then
                raise exception 'You may not close this agency: only an owner of it may, in person.'
                    using errcode = '42501';
            end if;
            update tenancy.agencies as a
               set status = 'closing'
             where a.id = proof.agency_id;
        end;
        $function$;

        revoke all on function app.close_agency() from public;
        grant execute on function app.close_agency() to
            authenticated;

        comment on function app.close_agency() is
        'Closes the agency of the token: every claim in it stops at once. For an owner, in person.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Moves the records of one member to another, or to nobody: all that it owns, or is to do, as far as the
        -- caller may change it. To nobody leaves them to their team; without a team they are unassigned, which
        -- whoever reaches a team sees. Deleted records move too: restored, they must not belong to somebody who
        -- left. What stays: private records, which are nobody's but the member's; records of anonymised people, which
        -- are frozen; saved views and imports, which are not records of the agency's business.
        --
        -- SECURITY INVOKER: the policies say what an owner, an admin or a manager may take and give, and a manager
        -- who would give a record out of reach is refused. Members may hand over what is theirs as far as they see.
        -- An agent changes no owner. All or nothing, in one transaction; the trail has each record.
        create or replace function app.hand_over(from_member uuid, to_member uuid default null)
        returns table (table_name text, moved bigint)
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
            heir record;
        begin
            if not app.may('crm.contacts:update', 'owner', 'admin', 'manager')
                and not (app.may('crm.contacts:update', 'member') and from_member = app.membership_id()) then
                raise exception 'You may not hand over the records of this member.'
                    using errcode = '42501',
                    hint = 'Owners, admins and managers may, and members what is theirs; in person.';
            end if;
            if from_member is null or from_member = to_member or not exists (
                select 1 from tenancy.memberships as m where m.agency_id = agency and m.id = from_member
            ) then
                raise exception 'from_member is %: name another member of the agency.', coalesce(from_member::text, 'null')
                    using errcode = '22023';
            end if;
            if to_member is not null then
                select m.status, m.role
                  into heir
                  from tenancy.memberships as m
                 where m.agency_id = agency
                   and m.id = to_member;
                if heir.status is distinct from 'active' or heir.role in ('client', 'viewer') then
                    raise exception 'Records cannot be handed over to %: that is no active member who could work on them.',
                        to_member
                        using errcode = '22023';
                end if;
            end if;

            table_name := 'crm.companies';
            update crm.companies as r
               set owner_id = to_member
             where r.agency_id = agency
               and r.owner_id = from_member;
            get diagnostics moved = row_count;
            return next;

            table_name := 'crm.contacts';
            update crm.contacts as r
               set owner_id = to_member
             where r.agency_id = agency
               and r.owner_id = from_member
               and r.anonymised_at is null;
            get diagnostics moved = row_count;
            return next;

            table_name := 'crm.deals';
            update crm.deals as r
               set owner_id = to_member
             where r.agency_id = agency
               and r.owner_id = from_member;
            get diagnostics moved = row_count;
            return next;

            table_name := 'crm.activities';
            update crm.activities as r
               set owner_id = case when r.owner_id = from_member then to_member else r.owner_id end,
                   assignee_id = case when r.assignee_id = from_member then to_member else r.assignee_id end
             where r.agency_id = agency
               and from_member in (r.owner_id, r.assignee_id)
               and r.visibility <> 'private';
            get diagnostics moved = row_count;
            return next;

            table_name := 'crm.conversations';
            update crm.conversations as r
               set owner_id = case when r.owner_id = from_member then to_member else r.owner_id end,
                   assignee_id = case when r.assignee_id = from_member then to_member else r.assignee_id end
             where r.agency_id = agency
               and from_member in (r.owner_id, r.assignee_id)
               and r.visibility <> 'private';
            get diagnostics moved = row_count;
            return next;

            table_name := 'crm.calendar_events';
            update crm.calendar_events as r
               set owner_id = to_member
             where r.agency_id = agency
               and r.owner_id = from_member
               and r.visibility <> 'private';
            get diagnostics moved = row_count;
            return next;

            table_name := 'crm.files';
            update crm.files as r
               set owner_id = to_member
             where r.agency_id = agency
               and r.owner_id = from_member
               and r.purpose = 'attachment'
               and r.visibility <> 'private';
            get diagnostics moved = row_count;
            return next;
        end;
        $function$;

        revoke all on function app.hand_over(uuid, uuid) from public;
        grant execute on function app.hand_over(uuid, uuid) to
            authenticated;

        comment on function app.hand_over(uuid, uuid) is
        'Moves what a member owns or has to do to another member, or to nobody; answers how many of each table.';
        """
    )
    execute(
        r"""
        -- Ends the membership of somebody who leaves, with all that would be left behind, in one transaction: the
        -- records go to an heir or to nobody (app.hand_over), the teams lose the member, its keys and the open
        -- invitations that it sent are revoked: one of them may be for its own other address. The row itself stays,
        -- status removed, so that history keeps pointing to someone.
        --
        -- SECURITY INVOKER: policies and guards say who may remove whom. Whoever must be stopped at once is suspended
        -- first, and removed when the heir is known.
        create or replace function app.remove_member(member uuid, heir uuid default null)
        returns table (table_name text, moved bigint)
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            agency uuid := app.agency_id();
        begin
            if not app.may('tenancy.memberships:update', 'owner', 'admin') then
                raise exception 'You may not remove a member: only an owner or admin of the agency may, in person.'
                    using errcode = '42501';
            end if;
            if not exists (
                select 1
                  from tenancy.memberships as m
                 where m.agency_id = agency
                   and m.id = remove_member.member
                   and m.status <> 'removed'
            ) then
                raise exception 'There is no member % in this agency.', coalesce(remove_member.member::text, 'null')
                    using errcode = '22023';
            end if;
            return query
                select h.table_name, h.moved
                  from app.hand_over(remove_member.member, remove_member.heir) as h;
            delete from tenancy.team_members as t
             where t.agency_id = agency
               and t.membership_id = remove_member.member;
            update tenancy.api_keys as k
               set revoked_at = now()
             where k.agency_id = agency
               and k.acts_as_id = remove_member.member
               and k.revoked_at is null;
            update tenancy.invitations as i
               set revoked_at = now()
             where i.agency_id = agency
               and i.invited_by_id = remove_member.member
               and i.accepted_at is null
               and i.revoked_at is null;
            update tenancy.memberships as m
               set status = 'removed'
             where m.agency_id = agency
               and m.id = remove_member.member;
        end;
        $function$;

        revoke all on function app.remove_member(uuid, uuid) from public;
        grant execute on function app.remove_member(uuid, uuid) to
            authenticated;

        comment on function app.remove_member(uuid, uuid) is
        'Removes a member and hands its records over to an heir, or to nobody; answers how many of each table.';
        """
    )
    execute(
        r"""
        create constraint trigger check_hand_over
        after update on tenancy.memberships
        deferrable initially deferred
        for each row
        when (old.status <> 'removed' and new.status = 'removed')
        execute function app.check_hand_over();
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop trigger check_hand_over on tenancy.memberships;
        """
    )
    execute(
        r"""
        drop function app.remove_member(member uuid, heir uuid);
        """
    )
    execute(
        r"""
        drop function app.hand_over(from_member uuid, to_member uuid);
        """
    )
    execute(
        r"""
        set local role gardenos_tenancy_writer;

        drop function app.close_agency();

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        set local role gardenos_search;

        drop function app.check_hand_over();

        set local role gardenos_owner;
        """
    )
