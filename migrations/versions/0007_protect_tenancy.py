"""Create the policies and grants of schema tenancy

Reason:    opens the tables to clients, as far as policies/permissions.csv allows and no
           further.
Locks:     AccessExclusive on each table of schema tenancy; nobody had a grant on them before.
Duration:  milliseconds.
Way back:  takes every grant and policy away: clients see nothing, no row is lost.
"""

from migrations.runner.execute import execute

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        -- Staff see their own agency; owners and admins change its settings. Clients do not see it: RLS cannot hide
        -- columns. Its id is everybody's agency_id, so its floor compares that.
        alter table tenancy.agencies enable row level security;
        alter table tenancy.agencies force row level security;

        create policy "tenant floor"
        on tenancy.agencies
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            id = (select app.agency_id())
        )
        with check (
            id = (select app.agency_id())
        );

        create policy "staff see their own agency"
        on tenancy.agencies
        as permissive
        for select
        to authenticated
        using (
            id = (select app.agency_id())
            and (
                select app.may(
                    'tenancy.agencies:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
        );

        create policy "owners and admins change the settings of their agency"
        on tenancy.agencies
        as permissive
        for update
        to authenticated
        using (
            id = (select app.agency_id())
            and (select app.may('tenancy.agencies:update', 'owner', 'admin'))
        )
        with check (
            id = (select app.agency_id())
            and (select app.may('tenancy.agencies:update', 'owner', 'admin'))
        );

        create policy "the membership reader proves claims"
        on tenancy.agencies
        as permissive
        for select
        to gardenos_membership_reader
        using (
            true
        );

        create policy "tenancy functions read and write"
        on tenancy.agencies
        as permissive
        for all
        to gardenos_tenancy_writer
        using (
            true
        )
        with check (
            true
        );

        create policy "the auditor reads everything"
        on tenancy.agencies
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select on table tenancy.agencies to authenticated;

        grant update (
            id,
            name,
            default_currency,
            timezone,
            locale,
            logo_path,
            settings,
            created_at,
            row_version
        ) on table tenancy.agencies to authenticated;

        grant select, insert, update, delete on table tenancy.agencies to service_role;

        grant select on table tenancy.agencies to gardenos_membership_reader, gardenos_auditor;

        grant select, insert, update on table tenancy.agencies to gardenos_tenancy_writer;
        """
    )
    execute(
        r"""
        -- Which issuers are believed. No client has a cell here: a revision or service_role adds one.
        alter table tenancy.issuers enable row level security;
        alter table tenancy.issuers force row level security;

        create policy "no client reaches the issuers"
        on tenancy.issuers
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            false
        )
        with check (
            false
        );

        create policy "the membership reader proves claims"
        on tenancy.issuers
        as permissive
        for select
        to gardenos_membership_reader
        using (
            true
        );

        create policy "tenancy functions look issuers up"
        on tenancy.issuers
        as permissive
        for select
        to gardenos_tenancy_writer
        using (
            true
        );

        create policy "the auditor reads everything"
        on tenancy.issuers
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table tenancy.issuers to service_role;

        grant select on table tenancy.issuers to
            gardenos_membership_reader,
            gardenos_tenancy_writer,
            gardenos_auditor;
        """
    )
    execute(
        r"""
        -- A person sees and changes the own row, with or without an agency; agents have no cell. Nobody sees a
        -- colleague here: what they may know stands in memberships. No tenant column, so the floor is the person.
        alter table tenancy.users enable row level security;
        alter table tenancy.users force row level security;

        create policy "everybody stays with their own user"
        on tenancy.users
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            id = (select app.user_id())
        )
        with check (
            id = (select app.user_id())
        );

        create policy "people read their own user"
        on tenancy.users
        as permissive
        for select
        to authenticated
        using (
            id = (select app.user_id())
            and (select app.may_as_myself('tenancy.users:select'))
        );

        create policy "people change their own profile"
        on tenancy.users
        as permissive
        for update
        to authenticated
        using (
            id = (select app.user_id())
            and (select app.may_as_myself('tenancy.users:update'))
        )
        with check (
            id = (select app.user_id())
            and (select app.may_as_myself('tenancy.users:update'))
        );

        create policy "the membership reader proves claims"
        on tenancy.users
        as permissive
        for select
        to gardenos_membership_reader
        using (
            true
        );

        create policy "tenancy functions read and write"
        on tenancy.users
        as permissive
        for all
        to gardenos_tenancy_writer
        using (
            true
        )
        with check (
            true
        );

        create policy "the auditor reads everything"
        on tenancy.users
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select on table tenancy.users to authenticated;

        grant update (
            id,
            full_name,
            avatar_path,
            locale,
            timezone,
            created_at,
            row_version
        ) on table tenancy.users to authenticated;

        grant select, insert, update, delete on table tenancy.users to service_role;

        grant select on table tenancy.users to gardenos_membership_reader, gardenos_auditor;

        grant select, insert, update on table tenancy.users to gardenos_tenancy_writer;
        """
    )
    execute(
        r"""
        -- A person sees the own logins; app.link_identity and app.accept_invitation add them. The floor is the
        -- person.
        alter table tenancy.user_identities enable row level security;
        alter table tenancy.user_identities force row level security;

        create policy "everybody stays with their own identities"
        on tenancy.user_identities
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            user_id = (select app.user_id())
        )
        with check (
            user_id = (select app.user_id())
        );

        create policy "people read their own identities"
        on tenancy.user_identities
        as permissive
        for select
        to authenticated
        using (
            user_id = (select app.user_id())
            and (select app.may_as_myself('tenancy.user_identities:select'))
        );

        create policy "the membership reader proves claims"
        on tenancy.user_identities
        as permissive
        for select
        to gardenos_membership_reader
        using (
            true
        );

        create policy "tenancy functions read and write"
        on tenancy.user_identities
        as permissive
        for all
        to gardenos_tenancy_writer
        using (
            true
        )
        with check (
            true
        );

        create policy "the auditor reads everything"
        on tenancy.user_identities
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select on table tenancy.user_identities to authenticated;

        grant select, insert, update, delete on table tenancy.user_identities to service_role;

        grant select on table tenancy.user_identities to gardenos_membership_reader, gardenos_auditor;

        grant select, insert on table tenancy.user_identities to gardenos_tenancy_writer;
        """
    )
    execute(
        r"""
        -- Staff see the live teams; owners and admins keep them, and alone see and make deleted ones; a manager
        -- changes the teams that they lead. Deleting is an update of deleted_at: the new row must pass the SELECT
        -- policy too.
        alter table tenancy.teams enable row level security;
        alter table tenancy.teams force row level security;

        create policy "tenant floor"
        on tenancy.teams
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "staff read the teams of their agency"
        on tenancy.teams
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'tenancy.teams:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
            and (
                deleted_at is null
                or (select app.may('tenancy.teams:update', 'owner', 'admin'))
            )
        );

        create policy "owners and admins make teams"
        on tenancy.teams
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('tenancy.teams:insert', 'owner', 'admin'))
        );

        create policy "owners and admins change teams and managers those they lead"
        on tenancy.teams
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                (select app.may('tenancy.teams:update', 'owner', 'admin'))
                or (
                    (select app.may('tenancy.teams:update', 'manager'))
                    and id = any((select app.teams_i_lead())::uuid[])
                )
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (
                (select app.may('tenancy.teams:update', 'owner', 'admin'))
                or (
                    (select app.may('tenancy.teams:update', 'manager'))
                    and id = any((select app.teams_i_lead())::uuid[])
                )
            )
            and (
                deleted_at is null
                or (select app.may('tenancy.teams:update', 'owner', 'admin'))
            )
        );

        create policy "the membership reader proves claims"
        on tenancy.teams
        as permissive
        for select
        to gardenos_membership_reader
        using (
            true
        );

        create policy "tenancy functions look teams up"
        on tenancy.teams
        as permissive
        for select
        to gardenos_tenancy_writer
        using (
            true
        );

        create policy "the auditor reads everything"
        on tenancy.teams
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select on table tenancy.teams to authenticated;

        grant insert (
            agency_id,
            id,
            name,
            description,
            parent_team_id,
            created_at,
            created_by,
            row_version
        ) on table tenancy.teams to authenticated;

        grant update (
            agency_id,
            id,
            name,
            description,
            parent_team_id,
            created_at,
            created_by,
            row_version,
            deleted_at
        ) on table tenancy.teams to authenticated;

        grant select, insert, update, delete on table tenancy.teams to service_role;

        grant select on table tenancy.teams to gardenos_membership_reader, gardenos_tenancy_writer, gardenos_auditor;
        """
    )
    execute(
        r"""
        -- The directory: staff see all colleagues, a client itself. Owners and admins add agents and change
        -- members; what they may change about whom is app.guard_membership. Nobody deletes.
        alter table tenancy.memberships enable row level security;
        alter table tenancy.memberships force row level security;

        create policy "tenant floor"
        on tenancy.memberships
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "staff read the directory and clients themselves"
        on tenancy.memberships
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                (
                    select app.may(
                        'tenancy.memberships:select',
                        'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                    )
                )
                or (
                    (select app.may('tenancy.memberships:select', 'client', 'ai_agent'))
                    and id = (select app.membership_id())
                )
            )
        );

        create policy "owners and admins add agents"
        on tenancy.memberships
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('tenancy.memberships:insert', 'owner', 'admin'))
        );

        create policy "owners and admins change members"
        on tenancy.memberships
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('tenancy.memberships:update', 'owner', 'admin'))
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('tenancy.memberships:update', 'owner', 'admin'))
        );

        create policy "the membership reader proves claims"
        on tenancy.memberships
        as permissive
        for select
        to gardenos_membership_reader
        using (
            true
        );

        create policy "tenancy functions read and write"
        on tenancy.memberships
        as permissive
        for all
        to gardenos_tenancy_writer
        using (
            true
        )
        with check (
            true
        );

        create policy "the auditor reads everything"
        on tenancy.memberships
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select on table tenancy.memberships to authenticated;

        grant insert (
            agency_id,
            id,
            user_id,
            role,
            record_scope,
            capabilities,
            status,
            display_name,
            job_title,
            work_email,
            avatar_path,
            default_team_id,
            created_at,
            created_by,
            row_version
        ) on table tenancy.memberships to authenticated;

        grant update (
            agency_id,
            id,
            user_id,
            role,
            record_scope,
            capabilities,
            status,
            display_name,
            job_title,
            work_email,
            avatar_path,
            default_team_id,
            created_at,
            created_by,
            row_version
        ) on table tenancy.memberships to authenticated;

        grant select, insert, update, delete on table tenancy.memberships to service_role;

        grant select on table tenancy.memberships to gardenos_membership_reader, gardenos_auditor;

        grant select, insert, update on table tenancy.memberships to gardenos_tenancy_writer;
        """
    )
    execute(
        r"""
        -- Staff see who is in which team; owners and admins decide it, a manager for the teams that they lead.
        alter table tenancy.team_members enable row level security;
        alter table tenancy.team_members force row level security;

        create policy "tenant floor"
        on tenancy.team_members
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "staff read who is in which team"
        on tenancy.team_members
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                select app.may(
                    'tenancy.team_members:select',
                    'owner', 'admin', 'manager', 'member', 'viewer', 'ai_agent'
                )
            )
        );

        create policy "owners, admins and leads add team members"
        on tenancy.team_members
        as permissive
        for insert
        to authenticated
        with check (
            agency_id = (select app.agency_id())
            and (
                (select app.may('tenancy.team_members:insert', 'owner', 'admin'))
                or (
                    (select app.may('tenancy.team_members:insert', 'manager'))
                    and team_id = any((select app.teams_i_lead())::uuid[])
                )
            )
        );

        create policy "owners, admins and leads change team members"
        on tenancy.team_members
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                (select app.may('tenancy.team_members:update', 'owner', 'admin'))
                or (
                    (select app.may('tenancy.team_members:update', 'manager'))
                    and team_id = any((select app.teams_i_lead())::uuid[])
                )
            )
        )
        with check (
            agency_id = (select app.agency_id())
            and (
                (select app.may('tenancy.team_members:update', 'owner', 'admin'))
                or (
                    (select app.may('tenancy.team_members:update', 'manager'))
                    and team_id = any((select app.teams_i_lead())::uuid[])
                )
            )
        );

        create policy "owners, admins and leads remove team members"
        on tenancy.team_members
        as permissive
        for delete
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                (select app.may('tenancy.team_members:delete', 'owner', 'admin'))
                or (
                    (select app.may('tenancy.team_members:delete', 'manager'))
                    and team_id = any((select app.teams_i_lead())::uuid[])
                )
            )
        );

        create policy "the membership reader proves claims"
        on tenancy.team_members
        as permissive
        for select
        to gardenos_membership_reader
        using (
            true
        );

        create policy "tenancy functions read and write"
        on tenancy.team_members
        as permissive
        for all
        to gardenos_tenancy_writer
        using (
            true
        )
        with check (
            true
        );

        create policy "the auditor reads everything"
        on tenancy.team_members
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, delete on table tenancy.team_members to authenticated;

        grant update (
            agency_id,
            id,
            team_id,
            membership_id,
            is_lead,
            created_at,
            created_by
        ) on table tenancy.team_members to authenticated;

        grant select, insert, update, delete on table tenancy.team_members to service_role;

        grant select on table tenancy.team_members to gardenos_membership_reader, gardenos_auditor;

        grant select, insert on table tenancy.team_members to gardenos_tenancy_writer;
        """
    )
    execute(
        r"""
        -- Owners and admins see, revoke and remove invitations; a manager sees the own. Made by app.invite only.
        alter table tenancy.invitations enable row level security;
        alter table tenancy.invitations force row level security;

        create policy "tenant floor"
        on tenancy.invitations
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "owners and admins read invitations and managers their own"
        on tenancy.invitations
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (
                (select app.may('tenancy.invitations:select', 'owner', 'admin'))
                or (
                    (select app.may('tenancy.invitations:select', 'manager'))
                    and invited_by_id = (select app.membership_id())
                )
            )
        );

        create policy "owners and admins change invitations"
        on tenancy.invitations
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('tenancy.invitations:update', 'owner', 'admin'))
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('tenancy.invitations:update', 'owner', 'admin'))
        );

        create policy "owners and admins remove invitations"
        on tenancy.invitations
        as permissive
        for delete
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('tenancy.invitations:delete', 'owner', 'admin'))
        );

        create policy "tenancy functions read and write"
        on tenancy.invitations
        as permissive
        for all
        to gardenos_tenancy_writer
        using (
            true
        )
        with check (
            true
        );

        create policy "the auditor reads everything"
        on tenancy.invitations
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, delete on table tenancy.invitations to authenticated;

        grant update (
            agency_id,
            id,
            expires_at,
            revoked_at,
            created_at,
            created_by,
            row_version
        ) on table tenancy.invitations to authenticated;

        grant select, insert, update, delete on table tenancy.invitations to service_role;

        grant select on table tenancy.invitations to gardenos_auditor;

        grant select, insert, update on table tenancy.invitations to gardenos_tenancy_writer;
        """
    )
    execute(
        r"""
        -- The hashes of invitation tokens: for the functions that make and check them, and for nobody else, the
        -- auditor and service_role included.
        alter table tenancy.invitation_secrets enable row level security;
        alter table tenancy.invitation_secrets force row level security;

        create policy "tenant floor"
        on tenancy.invitation_secrets
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "tenancy functions read and write"
        on tenancy.invitation_secrets
        as permissive
        for all
        to gardenos_tenancy_writer
        using (
            true
        )
        with check (
            true
        );

        grant select, insert, update on table tenancy.invitation_secrets to gardenos_tenancy_writer;
        """
    )
    execute(
        r"""
        -- Owners and admins see, narrow and revoke API keys. Made by app.create_api_key only; revoked, never
        -- deleted.
        alter table tenancy.api_keys enable row level security;
        alter table tenancy.api_keys force row level security;

        create policy "tenant floor"
        on tenancy.api_keys
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "owners and admins read API keys"
        on tenancy.api_keys
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('tenancy.api_keys:select', 'owner', 'admin'))
        );

        create policy "owners and admins change API keys"
        on tenancy.api_keys
        as permissive
        for update
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('tenancy.api_keys:update', 'owner', 'admin'))
        )
        with check (
            agency_id = (select app.agency_id())
            and (select app.may('tenancy.api_keys:update', 'owner', 'admin'))
        );

        create policy "the membership reader proves claims"
        on tenancy.api_keys
        as permissive
        for select
        to gardenos_membership_reader
        using (
            true
        );

        create policy "tenancy functions read and write"
        on tenancy.api_keys
        as permissive
        for all
        to gardenos_tenancy_writer
        using (
            true
        )
        with check (
            true
        );

        create policy "the auditor reads everything"
        on tenancy.api_keys
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select on table tenancy.api_keys to authenticated;

        grant update (
            agency_id,
            id,
            name,
            scopes,
            expires_at,
            revoked_at,
            created_at,
            created_by,
            row_version
        ) on table tenancy.api_keys to authenticated;

        grant select, insert, update, delete on table tenancy.api_keys to service_role;

        grant select on table tenancy.api_keys to gardenos_membership_reader, gardenos_auditor;

        grant select, insert on table tenancy.api_keys to gardenos_tenancy_writer;
        """
    )
    execute(
        r"""
        -- The hashes of API keys: for the functions that make and check them, and for nobody else, the auditor and
        -- service_role included.
        alter table tenancy.api_key_secrets enable row level security;
        alter table tenancy.api_key_secrets force row level security;

        create policy "tenant floor"
        on tenancy.api_key_secrets
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the membership reader proves claims"
        on tenancy.api_key_secrets
        as permissive
        for select
        to gardenos_membership_reader
        using (
            true
        );

        create policy "tenancy functions read and write"
        on tenancy.api_key_secrets
        as permissive
        for all
        to gardenos_tenancy_writer
        using (
            true
        )
        with check (
            true
        );

        grant select on table tenancy.api_key_secrets to gardenos_membership_reader;

        grant select, insert on table tenancy.api_key_secrets to gardenos_tenancy_writer;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "tenant floor" on tenancy.agencies;
        drop policy "staff see their own agency" on tenancy.agencies;
        drop policy "owners and admins change the settings of their agency" on tenancy.agencies;
        drop policy "the membership reader proves claims" on tenancy.agencies;
        drop policy "tenancy functions read and write" on tenancy.agencies;
        drop policy "the auditor reads everything" on tenancy.agencies;
        drop policy "no client reaches the issuers" on tenancy.issuers;
        drop policy "the membership reader proves claims" on tenancy.issuers;
        drop policy "tenancy functions look issuers up" on tenancy.issuers;
        drop policy "the auditor reads everything" on tenancy.issuers;
        drop policy "everybody stays with their own user" on tenancy.users;
        drop policy "people read their own user" on tenancy.users;
        drop policy "people change their own profile" on tenancy.users;
        drop policy "the membership reader proves claims" on tenancy.users;
        drop policy "tenancy functions read and write" on tenancy.users;
        drop policy "the auditor reads everything" on tenancy.users;
        drop policy "everybody stays with their own identities" on tenancy.user_identities;
        drop policy "people read their own identities" on tenancy.user_identities;
        drop policy "the membership reader proves claims" on tenancy.user_identities;
        drop policy "tenancy functions read and write" on tenancy.user_identities;
        drop policy "the auditor reads everything" on tenancy.user_identities;
        drop policy "tenant floor" on tenancy.teams;
        drop policy "staff read the teams of their agency" on tenancy.teams;
        drop policy "owners and admins make teams" on tenancy.teams;
        drop policy "owners and admins change teams and managers those they lead" on tenancy.teams;
        drop policy "the membership reader proves claims" on tenancy.teams;
        drop policy "tenancy functions look teams up" on tenancy.teams;
        drop policy "the auditor reads everything" on tenancy.teams;
        drop policy "tenant floor" on tenancy.memberships;
        drop policy "staff read the directory and clients themselves" on tenancy.memberships;
        drop policy "owners and admins add agents" on tenancy.memberships;
        drop policy "owners and admins change members" on tenancy.memberships;
        drop policy "the membership reader proves claims" on tenancy.memberships;
        drop policy "tenancy functions read and write" on tenancy.memberships;
        drop policy "the auditor reads everything" on tenancy.memberships;
        drop policy "tenant floor" on tenancy.team_members;
        drop policy "staff read who is in which team" on tenancy.team_members;
        drop policy "owners, admins and leads add team members" on tenancy.team_members;
        drop policy "owners, admins and leads change team members" on tenancy.team_members;
        drop policy "owners, admins and leads remove team members" on tenancy.team_members;
        drop policy "the membership reader proves claims" on tenancy.team_members;
        drop policy "tenancy functions read and write" on tenancy.team_members;
        drop policy "the auditor reads everything" on tenancy.team_members;
        drop policy "tenant floor" on tenancy.invitations;
        drop policy "owners and admins read invitations and managers their own" on tenancy.invitations;
        drop policy "owners and admins change invitations" on tenancy.invitations;
        drop policy "owners and admins remove invitations" on tenancy.invitations;
        drop policy "tenancy functions read and write" on tenancy.invitations;
        drop policy "the auditor reads everything" on tenancy.invitations;
        drop policy "tenant floor" on tenancy.invitation_secrets;
        drop policy "tenancy functions read and write" on tenancy.invitation_secrets;
        drop policy "tenant floor" on tenancy.api_keys;
        drop policy "owners and admins read API keys" on tenancy.api_keys;
        drop policy "owners and admins change API keys" on tenancy.api_keys;
        drop policy "the membership reader proves claims" on tenancy.api_keys;
        drop policy "tenancy functions read and write" on tenancy.api_keys;
        drop policy "the auditor reads everything" on tenancy.api_keys;
        drop policy "tenant floor" on tenancy.api_key_secrets;
        drop policy "the membership reader proves claims" on tenancy.api_key_secrets;
        drop policy "tenancy functions read and write" on tenancy.api_key_secrets;
        """
    )
    execute(
        r"""
        revoke all on table tenancy.agencies from
            authenticated,
            service_role,
            gardenos_membership_reader,
            gardenos_tenancy_writer,
            gardenos_auditor;
        revoke all on table tenancy.issuers from
            authenticated,
            service_role,
            gardenos_membership_reader,
            gardenos_tenancy_writer,
            gardenos_auditor;
        revoke all on table tenancy.users from
            authenticated,
            service_role,
            gardenos_membership_reader,
            gardenos_tenancy_writer,
            gardenos_auditor;
        revoke all on table tenancy.user_identities from
            authenticated,
            service_role,
            gardenos_membership_reader,
            gardenos_tenancy_writer,
            gardenos_auditor;
        revoke all on table tenancy.teams from
            authenticated,
            service_role,
            gardenos_membership_reader,
            gardenos_tenancy_writer,
            gardenos_auditor;
        revoke all on table tenancy.memberships from
            authenticated,
            service_role,
            gardenos_membership_reader,
            gardenos_tenancy_writer,
            gardenos_auditor;
        revoke all on table tenancy.team_members from
            authenticated,
            service_role,
            gardenos_membership_reader,
            gardenos_tenancy_writer,
            gardenos_auditor;
        revoke all on table tenancy.invitations from
            authenticated,
            service_role,
            gardenos_membership_reader,
            gardenos_tenancy_writer,
            gardenos_auditor;
        revoke all on table tenancy.invitation_secrets from
            authenticated,
            service_role,
            gardenos_membership_reader,
            gardenos_tenancy_writer,
            gardenos_auditor;
        revoke all on table tenancy.api_keys from
            authenticated,
            service_role,
            gardenos_membership_reader,
            gardenos_tenancy_writer,
            gardenos_auditor;
        revoke all on table tenancy.api_key_secrets from
            authenticated,
            service_role,
            gardenos_membership_reader,
            gardenos_tenancy_writer,
            gardenos_auditor;
        """
    )
