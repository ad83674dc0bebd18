"""Create the triggers of schema tenancy

Reason:    stamps, optimistic locking, frozen keys, no escalation, at least one active owner.
Locks:     ShareRowExclusive on each table of schema tenancy (all are still without grants).
Duration:  milliseconds.
Way back:  drops the triggers and their functions; rows stay as they are.
"""

from migrations.runner.execute import execute

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- Is this user, now, an active member of this agency, both active? For triggers and definer functions that
        -- check somebody's membership; who is asking is app.proof().
        set local role gardenos_membership_reader;

        create or replace function app.is_live_member(member_id uuid, agency uuid)
        returns boolean
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return exists (
                select 1
                  from tenancy.memberships as m
                  join tenancy.agencies as a
                    on a.id = m.agency_id
                   and a.status = 'active'
                   and a.deleted_at is null
                  join tenancy.users as u
                    on u.id = m.user_id
                   and u.status = 'active'
                 where m.user_id = member_id
                   and m.agency_id = agency
                   and m.status = 'active'
            );
        end;
        $function$;

        revoke all on function app.is_live_member(uuid, uuid) from public;
        grant execute on function app.is_live_member(uuid, uuid) to
            service_role,
            gardenos_tenancy_writer;

        comment on function app.is_live_member(uuid, uuid) is
        'True when this user is now an active member of this active agency.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- Is this user an agent? The guard of memberships must know it of a user whose row the caller may not read.
        set local role gardenos_membership_reader;

        create or replace function app.is_agent(candidate_id uuid)
        returns boolean
        language plpgsql
        stable
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return exists (
                select 1
                  from tenancy.users as u
                 where u.id = candidate_id
                   and u.kind = 'agent'
            );
        end;
        $function$;

        revoke all on function app.is_agent(uuid) from public;
        grant execute on function app.is_agent(uuid) to
            authenticated,
            service_role,
            gardenos_owner,
            gardenos_tenancy_writer;

        comment on function app.is_agent(uuid) is
        'True when this user is of kind agent.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- owner > admin > manager > member > viewer > client. An agent stands outside that order: no rank, so every
        -- comparison with it is null and must be decided by name.
        create or replace function app.role_rank(role app.agency_role)
        returns integer
        language plpgsql
        immutable
        parallel safe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            return case role
                when 'owner' then 6
                when 'admin' then 5
                when 'manager' then 4
                when 'member' then 3
                when 'viewer' then 2
                when 'client' then 1
            end;
        end;
        $function$;

        revoke all on function app.role_rank(app.agency_role) from public;
        grant execute on function app.role_rank(app.agency_role) to
            authenticated,
            service_role,
            gardenos_tenancy_writer;

        comment on function app.role_rank(app.agency_role) is
        'How high a role stands, 6 (owner) to 1 (client); null for an agent, which stands outside the order.';
        """
    )
    execute(
        r"""
        -- "Nobody gives, or touches a row with, a role above their own." Only an owner touches an owner, which is
        -- the same rule at the top; an agent is for owners and admins only. Null counts as above: fail closed.
        create or replace function app.outranks_me(role app.agency_role)
        returns boolean
        language plpgsql
        stable
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            mine app.agency_role := app.agency_role();
        begin
            if role = 'ai_agent' then
                return coalesce(mine not in ('owner', 'admin'), true);
            end if;
            return coalesce(app.role_rank(role) > app.role_rank(mine), true);
        end;
        $function$;

        revoke all on function app.outranks_me(app.agency_role) from public;
        grant execute on function app.outranks_me(app.agency_role) to
            authenticated,
            gardenos_tenancy_writer;

        comment on function app.outranks_me(app.agency_role) is
        'True when this role is above mine, so that I may neither give it nor touch a row that has it.';
        """
    )
    execute(
        r"""
        -- Set "full" of columns: who made and who last changed the row, taken from the proven claim whatever the
        -- client sent, and optimistic locking. A client that sends the row_version it read is refused when somebody
        -- was faster (PT409: HTTP 409 from PostgREST); one that does not send it overwrites.
        create or replace function app.stamp_row()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
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

        revoke all on function app.stamp_row() from public;

        comment on function app.stamp_row() is
        'Stamps created_*, updated_* and row_version of a row.';
        """
    )
    execute(
        r"""
        -- Set "light" of columns: who made the row, taken from the proven claim whatever the client sent.
        create or replace function app.stamp_link()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
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
        -- Set "global" of columns, of the tables that belong to no agency: times and optimistic locking as in
        -- app.stamp_row, but no member to name.
        create or replace function app.stamp_global()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if tg_op = 'INSERT' then
                new.created_at := now();
                new.updated_at := new.created_at;
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
            return new;
        end;
        $function$;

        revoke all on function app.stamp_global() from public;

        comment on function app.stamp_global() is
        'Stamps the times and row_version of a row that belongs to no agency.';
        """
    )
    execute(
        r"""
        -- Soft delete is an update of deleted_at. The instant and the person are ours, not the client's: a restore
        -- finds what was deleted together by that instant.
        create or replace function app.stamp_deletion()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            new.deleted_at := case when new.deleted_at is not null then now() end;
            new.deleted_by := case when new.deleted_at is not null then app.membership_id() end;
            return new;
        end;
        $function$;

        revoke all on function app.stamp_deletion() from public;

        comment on function app.stamp_deletion() is
        'Stamps deleted_at and deleted_by when a row is deleted or restored.';
        """
    )
    execute(
        r"""
        -- A row never leaves its agency, changes its id, or forgets who made it. The trigger's WHEN clause finds
        -- the change, so the function only has to refuse it. PT403, not the 42501 of a policy, so that the two are
        -- told apart.
        create or replace function app.forbid_agency_change()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            raise exception 'A row of %.% keeps its agency_id, its id and its created_at and created_by for life.',
                tg_table_schema, tg_table_name
                using errcode = 'PT403',
                hint = 'Leave these columns out, or send the values that the row has.';
        end;
        $function$;

        revoke all on function app.forbid_agency_change() from public;

        comment on function app.forbid_agency_change() is
        'Refuses a change of the columns that never change.';
        """
    )
    execute(
        r"""
        -- Memberships are never deleted: created_by and updated_by of every table point to them, and history must
        -- keep pointing to someone. Who leaves gets the status removed.
        create or replace function app.forbid_delete()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            raise exception 'Rows of %.% are never deleted.', tg_table_schema, tg_table_name
                using errcode = '42501',
                hint = 'Set status = removed instead.';
        end;
        $function$;

        revoke all on function app.forbid_delete() from public;

        comment on function app.forbid_delete() is
        'Refuses to delete a row.';
        """
    )
    execute(
        r"""
        -- A name that PostgreSQL does not know would make every later conversion fail.
        create or replace function app.check_timezone()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if new.timezone is not null then
                perform now() at time zone new.timezone;
            end if;
            return new;
        exception
            when invalid_parameter_value then
                raise exception 'PostgreSQL knows no time zone %.', quote_literal(new.timezone)
                    using errcode = '22023',
                    hint = 'Use a name such as Europe/Berlin or UTC.';
        end;
        $function$;

        revoke all on function app.check_timezone() from public;

        comment on function app.check_timezone() is
        'Refuses a time zone that PostgreSQL does not know.';
        """
    )
    execute(
        r"""
        -- The next token is for this agency: it must be one that the user can enter now. Only functions and
        -- service_role write the column; this holds for them too.
        create or replace function app.check_active_agency()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        begin
            if not app.is_live_member(new.id, new.active_agency_id) then
                raise exception 'User % is not an active member of agency %.', new.id, new.active_agency_id
                    using errcode = '23514';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.check_active_agency() from public;

        comment on function app.check_active_agency() is
        'Refuses an active_agency_id that is not a live membership.';
        """
    )
    execute(
        r"""
        -- Teams form a tree of at most five levels. A lead's reach includes the teams below, so a circle would be a
        -- circle of rights. Writers of one agency's tree take turns: two moves that are each fine could close a
        -- circle together. Taking turns helps only who sees what the other has done meanwhile: under REPEATABLE
        -- READ nobody does, so it is refused. (SERIALIZABLE finds the conflict by itself: 40001.)
        --
        -- SECURITY DEFINER: a deleted team is still a link in the tree, and most members cannot see it.
        set local role gardenos_membership_reader;

        create or replace function app.check_team_tree()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            above integer;
            below integer;
        begin
            if current_setting('transaction_isolation') = 'repeatable read' then
                raise exception 'Teams are not put below one another under REPEATABLE READ.'
                    using errcode = '0A000',
                    hint = 'Use READ COMMITTED or SERIALIZABLE.';
            end if;
            perform pg_advisory_xact_lock(hashtextextended('tenancy.teams ' || new.agency_id::text, 0));
            with recursive ancestors as (
                select t.id, t.parent_team_id, 1 as level
                  from tenancy.teams as t
                 where t.agency_id = new.agency_id
                   and t.id = new.parent_team_id
                union all
                select t.id, t.parent_team_id, a.level + 1
                  from ancestors as a
                  join tenancy.teams as t
                    on t.agency_id = new.agency_id
                   and t.id = a.parent_team_id
                 where a.level <= 5
                   and a.id <> new.id
            )
            select case when bool_or(a.id = new.id) then 99 else coalesce(max(a.level), 0) end
              into above
              from ancestors as a;
            if above = 99 or new.parent_team_id = new.id then
                raise exception 'A team cannot stand below itself.'
                    using errcode = '23514';
            end if;
            with recursive descendants as (
                select t.id, 1 as level
                  from tenancy.teams as t
                 where t.agency_id = new.agency_id
                   and t.parent_team_id = new.id
                union all
                select t.id, d.level + 1
                  from descendants as d
                  join tenancy.teams as t
                    on t.agency_id = new.agency_id
                   and t.parent_team_id = d.id
                 where d.level <= 5
            )
            select coalesce(max(d.level), 0)
              into below
              from descendants as d;
            if above + 1 + below > 5 then
                raise exception 'Teams have at most five levels; here there would be %.', above + 1 + below
                    using errcode = '23514';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.check_team_tree() from public;
        grant execute on function app.check_team_tree() to
            gardenos_owner;

        comment on function app.check_team_tree() is
        'Refuses a circle of teams and a sixth level.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- No escalation. It asks the live role, not the token, and holds for every update, because "touch" includes
        -- a display name. Exempt are those who answer for the rank themselves: service_role, the functions of the
        -- tenancy writer, and the owner of the table, as which foreign keys clear a reference. What a membership is
        -- made of holds for all.
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

        revoke all on function app.guard_membership() from public;

        comment on function app.guard_membership() is
        'Refuses that anybody raises a role above their own, or touches one above it.';
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

        revoke all on function app.guard_invitation() from public;

        comment on function app.guard_invitation() is
        'Refuses to touch an invitation above the own role, or to open a closed one.';
        """
    )
    execute(
        r"""
        -- No escalation through a key that is already out. It acts as one membership for life; nobody touches a key
        -- that acts as a role above their own, or widens a key that acts as another; and what is revoked stays so.
        create or replace function app.guard_api_key()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security invoker
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            actor_role app.agency_role;
        begin
            if new.acts_as_id <> old.acts_as_id then
                raise exception 'An API key acts as the same membership for life.'
                    using errcode = 'PT403';
            end if;
            if current_user in ('service_role', 'gardenos_owner', 'gardenos_tenancy_writer') then
                return new;
            end if;
            select m.role
              into actor_role
              from tenancy.memberships as m
             where m.agency_id = old.agency_id
               and m.id = old.acts_as_id;
            if app.outranks_me(actor_role) then
                raise exception 'Your role does not allow you to touch the API key of a(n) %.', actor_role
                    using errcode = '42501';
            end if;
            if (app.proof()).api_key_id is not null and new.revoked_at is null then
                raise exception 'An API key changes no API key, except to revoke it.'
                    using errcode = '42501';
            end if;
            if old.acts_as_id <> app.membership_id() and actor_role <> 'ai_agent'
                and (new.scopes, new.expires_at) is distinct from (old.scopes, old.expires_at) then
                raise exception 'Only its maker changes what an API key may do; you may revoke it.'
                    using errcode = '42501';
            end if;
            if old.revoked_at is not null and new.revoked_at is distinct from old.revoked_at then
                raise exception 'A revoked API key stays revoked; make a new one.'
                    using errcode = '42501';
            end if;
            return new;
        end;
        $function$;

        revoke all on function app.guard_api_key() from public;

        comment on function app.guard_api_key() is
        'Refuses to touch an API key above the own role, to widen another''s, or to revive a revoked one.';
        """
    )
    execute(
        r"""
        -- Every agency that is not closing has an active owner who is an active person. Checked at COMMIT, so that
        -- owners can hand over within one transaction. The agency row is locked first, then the owners: two owners
        -- who demote each other at the same moment would otherwise both see the other one. (Under REPEATABLE READ
        -- the second of them gets 40001.)
        --
        -- SECURITY DEFINER: whoever makes the change may be unable to read the others, or no longer be a member at
        -- all.
        set local role gardenos_tenancy_writer;

        create or replace function app.check_last_owner()
        returns trigger
        language plpgsql
        volatile
        parallel unsafe
        security definer
        set search_path = pg_catalog, pg_temp
        as $function$
        declare
            affected uuid;
        begin
            for affected in
                select a.id
                  from tenancy.agencies as a
                 where a.status <> 'closing'
                   and a.deleted_at is null
                   and case tg_table_name
                       when 'memberships' then a.id = (to_jsonb(old) ->> 'agency_id')::uuid
                       else a.id in (
                           select m.agency_id
                             from tenancy.memberships as m
                            where m.user_id = old.id
                              and m.role = 'owner'
                              and m.status = 'active'
                       )
                   end
                 order by a.id
                   for no key update of a
            loop
                perform 1
                  from tenancy.memberships as m
                  join tenancy.users as u
                    on u.id = m.user_id
                   and u.status = 'active'
                   and u.kind = 'person'
                 where m.agency_id = affected
                   and m.role = 'owner'
                   and m.status = 'active'
                   for share of m, u;
                if not found then
                    raise exception 'Agency % would have no active owner left.', affected
                        using errcode = '23514',
                        hint = 'Make another member an owner first, or close the agency.';
                end if;
            end loop;
            return null;
        end;
        $function$;

        revoke all on function app.check_last_owner() from public;
        grant execute on function app.check_last_owner() to
            gardenos_owner;

        comment on function app.check_last_owner() is
        'Refuses, at COMMIT, to leave an agency without an active owner.';

        set local role gardenos_owner;
        """
    )
    execute(
        r"""
        -- What one row of agencies needs. The agency_id of everybody is its id, so that is what never changes.
        create or replace trigger check_timezone
        before insert or update of timezone on tenancy.agencies
        for each row
        execute function app.check_timezone();

        create or replace trigger forbid_agency_change
        before update on tenancy.agencies
        for each row
        when (
            old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
        )
        execute function app.forbid_agency_change();

        create or replace trigger stamp
        before insert or update on tenancy.agencies
        for each row
        execute function app.stamp_global();

        create or replace trigger stamp_deletion
        before update on tenancy.agencies
        for each row
        when (
            (old.deleted_at is null) <> (new.deleted_at is null)
            or old.deleted_at <> new.deleted_at
            or old.deleted_by is distinct from new.deleted_by
        )
        execute function app.stamp_deletion();
        """
    )
    execute(
        r"""
        -- What one row of users needs, and the other half of the last-owner rule: an agency loses its owner, too,
        -- when that person is disabled.
        create or replace trigger check_active_agency
        before insert or update of active_agency_id on tenancy.users
        for each row
        when (
            new.active_agency_id is not null
        )
        execute function app.check_active_agency();

        -- A constraint trigger knows no OR REPLACE. A revision that changes it drops and creates it in one
        -- transaction, which keeps the lock on the table: no write passes between the two.
        drop trigger if exists check_last_owner on tenancy.users;

        create constraint trigger check_last_owner
        after update on tenancy.users
        deferrable initially deferred
        for each row
        when (old.status = 'active' and new.status <> 'active')
        execute function app.check_last_owner();

        create or replace trigger check_timezone
        before insert or update of timezone on tenancy.users
        for each row
        execute function app.check_timezone();

        create or replace trigger forbid_agency_change
        before update on tenancy.users
        for each row
        when (
            old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
        )
        execute function app.forbid_agency_change();

        create or replace trigger stamp
        before insert or update on tenancy.users
        for each row
        execute function app.stamp_global();
        """
    )
    execute(
        r"""
        -- What one row of user_identities needs. last_used_at is written often and is no change: it raises no
        -- version.
        create or replace trigger forbid_agency_change
        before update on tenancy.user_identities
        for each row
        when (
            old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
        )
        execute function app.forbid_agency_change();

        create or replace trigger stamp
        before insert or update of
            id,
            user_id,
            issuer,
            subject,
            provider,
            created_at,
            updated_at,
            row_version
        on tenancy.user_identities
        for each row
        execute function app.stamp_global();
        """
    )
    execute(
        r"""
        -- What one row of teams needs, and the shape of the tree.
        create or replace trigger check_team_tree
        before insert or update of parent_team_id on tenancy.teams
        for each row
        when (
            new.parent_team_id is not null
        )
        execute function app.check_team_tree();

        create or replace trigger forbid_agency_change
        before update on tenancy.teams
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger stamp
        before insert or update on tenancy.teams
        for each row
        execute function app.stamp_row();

        create or replace trigger stamp_deletion
        before update on tenancy.teams
        for each row
        when (
            (old.deleted_at is null) <> (new.deleted_at is null)
            or old.deleted_at <> new.deleted_at
            or old.deleted_by is distinct from new.deleted_by
        )
        execute function app.stamp_deletion();
        """
    )
    execute(
        r"""
        -- What one row of memberships needs; no escalation; at least one active owner; and never a delete. A
        -- constraint trigger knows no OR REPLACE. A revision that changes it drops and creates it in one
        -- transaction, which keeps the lock on the table: no write passes between the two.
        drop trigger if exists check_last_owner on tenancy.memberships;

        create constraint trigger check_last_owner
        after update or delete on tenancy.memberships
        deferrable initially deferred
        for each row
        when (old.role = 'owner' and old.status = 'active')
        execute function app.check_last_owner();

        create or replace trigger forbid_agency_change
        before update on tenancy.memberships
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger forbid_delete
        before delete on tenancy.memberships
        for each row
        execute function app.forbid_delete();

        create or replace trigger guard
        before insert or update on tenancy.memberships
        for each row
        execute function app.guard_membership();

        create or replace trigger guard_insert
        after insert on tenancy.memberships
        for each row
        execute function app.guard_membership();

        create or replace trigger stamp
        before insert or update on tenancy.memberships
        for each row
        execute function app.stamp_row();
        """
    )
    execute(
        r"""
        -- What one row of team_members needs.
        create or replace trigger forbid_agency_change
        before update on tenancy.team_members
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger stamp
        before insert on tenancy.team_members
        for each row
        execute function app.stamp_link();
        """
    )
    execute(
        r"""
        -- What one row of invitations needs, and no escalation through an open one.
        create or replace trigger forbid_agency_change
        before update on tenancy.invitations
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger guard
        before update on tenancy.invitations
        for each row
        execute function app.guard_invitation();

        create or replace trigger stamp
        before insert or update on tenancy.invitations
        for each row
        execute function app.stamp_row();
        """
    )
    execute(
        r"""
        -- What one row of invitation_secrets needs.
        create or replace trigger forbid_agency_change
        before update on tenancy.invitation_secrets
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
        )
        execute function app.forbid_agency_change();
        """
    )
    execute(
        r"""
        -- What one row of api_keys needs, and no escalation through a key that is out. last_used_at is written
        -- often and is no change: it raises no version.
        create or replace trigger forbid_agency_change
        before update on tenancy.api_keys
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
            or old.created_at is distinct from new.created_at
            or old.created_by is distinct from new.created_by
        )
        execute function app.forbid_agency_change();

        create or replace trigger guard
        before update on tenancy.api_keys
        for each row
        execute function app.guard_api_key();

        create or replace trigger stamp
        before insert or update of
            agency_id,
            id,
            name,
            prefix,
            scopes,
            acts_as_id,
            expires_at,
            revoked_at,
            created_at,
            created_by,
            updated_at,
            updated_by,
            row_version
        on tenancy.api_keys
        for each row
        execute function app.stamp_row();
        """
    )
    execute(
        r"""
        -- What one row of api_key_secrets needs.
        create or replace trigger forbid_agency_change
        before update on tenancy.api_key_secrets
        for each row
        when (
            old.agency_id is distinct from new.agency_id
            or old.id is distinct from new.id
        )
        execute function app.forbid_agency_change();
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop trigger check_timezone on tenancy.agencies;
        drop trigger forbid_agency_change on tenancy.agencies;
        drop trigger stamp on tenancy.agencies;
        drop trigger stamp_deletion on tenancy.agencies;
        drop trigger check_active_agency on tenancy.users;
        drop trigger check_last_owner on tenancy.users;
        drop trigger check_timezone on tenancy.users;
        drop trigger forbid_agency_change on tenancy.users;
        drop trigger stamp on tenancy.users;
        drop trigger forbid_agency_change on tenancy.user_identities;
        drop trigger stamp on tenancy.user_identities;
        drop trigger check_team_tree on tenancy.teams;
        drop trigger forbid_agency_change on tenancy.teams;
        drop trigger stamp on tenancy.teams;
        drop trigger stamp_deletion on tenancy.teams;
        drop trigger check_last_owner on tenancy.memberships;
        drop trigger forbid_agency_change on tenancy.memberships;
        drop trigger forbid_delete on tenancy.memberships;
        drop trigger guard on tenancy.memberships;
        drop trigger guard_insert on tenancy.memberships;
        drop trigger stamp on tenancy.memberships;
        drop trigger forbid_agency_change on tenancy.team_members;
        drop trigger stamp on tenancy.team_members;
        drop trigger forbid_agency_change on tenancy.invitations;
        drop trigger guard on tenancy.invitations;
        drop trigger stamp on tenancy.invitations;
        drop trigger forbid_agency_change on tenancy.invitation_secrets;
        drop trigger forbid_agency_change on tenancy.api_keys;
        drop trigger guard on tenancy.api_keys;
        drop trigger stamp on tenancy.api_keys;
        drop trigger forbid_agency_change on tenancy.api_key_secrets;
        """
    )
    execute(
        r"""
        drop function app.check_last_owner();
        drop function app.guard_api_key();
        drop function app.guard_invitation();
        drop function app.guard_membership();
        drop function app.check_team_tree();
        drop function app.check_active_agency();
        drop function app.check_timezone();
        drop function app.forbid_delete();
        drop function app.forbid_agency_change();
        drop function app.stamp_deletion();
        drop function app.stamp_global();
        drop function app.stamp_link();
        drop function app.stamp_row();
        drop function app.outranks_me(app.agency_role);
        drop function app.role_rank(app.agency_role);
        drop function app.is_agent(uuid);
        drop function app.is_live_member(uuid, uuid);
        """
    )
