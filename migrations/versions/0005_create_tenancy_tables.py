"""Create the tables of schema tenancy

Reason:    agencies, the people and agents in them, and how they get in. Row-level security is
           on and forced from the first moment: without policies nobody sees a row.
Locks:     AccessExclusive on the new tables only.
Duration:  milliseconds.
Way back:  drops the tables with all agencies, users and memberships: restore a backup to get
           them back.
"""

from migrations.runner.execute import execute

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create table tenancy.agencies (
            id uuid not null default app.uuid_v7(),
            slug app.slug not null,
            name app.label not null,
            status app.agency_status not null default 'active',
            plan app.label not null default 'free',
            data_region app.label not null default 'default',
            default_currency app.currency not null default 'USD',
            timezone app.label not null default 'UTC',
            locale app.label not null default 'en',
            logo_path app.line,
            settings app.json_object not null default '{}',
            embedding_model_id uuid,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            constraint agencies_pkey primary key (id),
            constraint agencies_slug_key unique (slug)
        );

        create table tenancy.issuers (
            issuer app.line not null,
            kind app.label not null,
            may_assert_user_id boolean not null default false,
            active boolean not null default true,
            constraint issuers_pkey primary key (issuer)
        );

        create table tenancy.users (
            id uuid not null default app.uuid_v7(),
            kind app.user_kind not null default 'person',
            email app.email,
            full_name app.label,
            avatar_path app.line,
            locale app.label,
            timezone app.label,
            status app.user_status not null default 'active',
            active_agency_id uuid,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            row_version integer not null default 1,
            constraint users_pkey primary key (id),
            constraint users_active_agency_id_fkey foreign key (active_agency_id)
                references tenancy.agencies (id) on delete set null
        );

        create unique index users_email_key
            on tenancy.users (email)
            where email is not null;

        create index users_active_agency_id_idx
            on tenancy.users (active_agency_id);

        create table tenancy.user_identities (
            id uuid not null default app.uuid_v7(),
            user_id uuid not null,
            issuer app.line not null,
            subject app.line not null,
            provider app.label,
            last_used_at timestamptz,
            created_at timestamptz not null default now(),
            updated_at timestamptz not null default now(),
            row_version integer not null default 1,
            constraint user_identities_pkey primary key (id),
            constraint user_identities_issuer_subject_key unique (issuer, subject),
            constraint user_identities_user_id_fkey foreign key (user_id)
                references tenancy.users (id) on delete cascade,
            constraint user_identities_issuer_fkey foreign key (issuer)
                references tenancy.issuers (issuer)
        );

        create index user_identities_user_id_idx
            on tenancy.user_identities (user_id);

        create table tenancy.teams (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            name app.label not null,
            description app.line,
            parent_team_id uuid,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            deleted_at timestamptz,
            deleted_by uuid,
            constraint teams_pkey primary key (agency_id, id),
            constraint teams_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint teams_parent_team_id_fkey foreign key (agency_id, parent_team_id)
                references tenancy.teams (agency_id, id) on delete set null (parent_team_id)
        );

        create unique index teams_name_key
            on tenancy.teams (agency_id, lower(name))
            where deleted_at is null;

        create index teams_parent_team_id_idx
            on tenancy.teams (agency_id, parent_team_id);

        create table tenancy.memberships (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            user_id uuid not null,
            role app.agency_role not null,
            record_scope app.record_scope not null default 'own',
            capabilities text[] not null default '{}',
            status app.member_status not null default 'active',
            display_name app.label not null,
            job_title app.label,
            work_email app.email,
            avatar_path app.line,
            default_team_id uuid,
            contact_id uuid,
            suspended_at timestamptz,
            removed_at timestamptz,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            constraint memberships_pkey primary key (agency_id, id),
            constraint memberships_user_id_key unique (agency_id, user_id),
            constraint memberships_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint memberships_user_id_fkey foreign key (user_id)
                references tenancy.users (id),
            constraint memberships_default_team_id_fkey foreign key (agency_id, default_team_id)
                references tenancy.teams (agency_id, id) on delete set null (default_team_id),
            constraint memberships_capabilities_known
                check (capabilities <@ array['import', 'export', 'merge']::text[]),
            constraint memberships_scope_of_owner_and_admin
                check (role not in ('owner', 'admin') or record_scope = 'all'),
            constraint memberships_scope_of_manager
                check (role <> 'manager' or record_scope <> 'own'),
            constraint memberships_contact_only_for_client
                check (role = 'client' or contact_id is null),
            constraint memberships_client_has_contact
                check (role <> 'client' or status = 'removed' or contact_id is not null)
        );

        create unique index memberships_contact_id_key
            on tenancy.memberships (agency_id, contact_id)
            where contact_id is not null;

        create index memberships_user_id_idx
            on tenancy.memberships (user_id);

        create index memberships_active_user_id_idx
            on tenancy.memberships (user_id)
            where status = 'active';

        create index memberships_default_team_id_idx
            on tenancy.memberships (agency_id, default_team_id);

        create table tenancy.team_members (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            team_id uuid not null,
            membership_id uuid not null,
            is_lead boolean not null default false,
            created_at timestamptz not null default now(),
            created_by uuid,
            constraint team_members_pkey primary key (agency_id, id),
            constraint team_members_team_id_membership_id_key unique (agency_id, team_id, membership_id),
            constraint team_members_team_id_fkey foreign key (agency_id, team_id)
                references tenancy.teams (agency_id, id) on delete cascade,
            constraint team_members_membership_id_fkey foreign key (agency_id, membership_id)
                references tenancy.memberships (agency_id, id) on delete cascade
        );

        create index team_members_membership_id_idx
            on tenancy.team_members (agency_id, membership_id);

        create table tenancy.invitations (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            email app.email not null,
            role app.agency_role not null,
            record_scope app.record_scope not null default 'own',
            team_id uuid,
            contact_id uuid,
            invited_by_id uuid not null,
            expires_at timestamptz not null default now() + interval '7 days',
            accepted_at timestamptz,
            revoked_at timestamptz,
            accepted_by_id uuid,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            constraint invitations_pkey primary key (agency_id, id),
            constraint invitations_team_id_fkey foreign key (agency_id, team_id)
                references tenancy.teams (agency_id, id) on delete set null (team_id),
            constraint invitations_invited_by_id_fkey foreign key (agency_id, invited_by_id)
                references tenancy.memberships (agency_id, id),
            constraint invitations_accepted_by_id_fkey foreign key (agency_id, accepted_by_id)
                references tenancy.memberships (agency_id, id),
            constraint invitations_role_can_be_invited
                check (role not in ('owner', 'ai_agent')),
            constraint invitations_client_has_contact
                check ((role = 'client') = (contact_id is not null))
        );

        create unique index invitations_email_key
            on tenancy.invitations (agency_id, email)
            where accepted_at is null and revoked_at is null;

        create index invitations_team_id_idx
            on tenancy.invitations (agency_id, team_id);

        create index invitations_invited_by_id_idx
            on tenancy.invitations (agency_id, invited_by_id);

        create index invitations_accepted_by_id_idx
            on tenancy.invitations (agency_id, accepted_by_id);

        create table tenancy.invitation_secrets (
            agency_id uuid not null,
            id uuid not null default app.uuid_v7(),
            invitation_id uuid not null,
            token_hash app.sha256 not null,
            constraint invitation_secrets_pkey primary key (agency_id, id),
            constraint invitation_secrets_invitation_id_key unique (agency_id, invitation_id),
            constraint invitation_secrets_token_hash_key unique (agency_id, token_hash),
            constraint invitation_secrets_invitation_id_fkey foreign key (agency_id, invitation_id)
                references tenancy.invitations (agency_id, id) on delete cascade
        );

        create table tenancy.api_keys (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            name app.label not null,
            prefix app.label not null,
            scopes text[] not null default '{}',
            acts_as_id uuid not null,
            expires_at timestamptz,
            last_used_at timestamptz,
            revoked_at timestamptz,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            constraint api_keys_pkey primary key (agency_id, id),
            constraint api_keys_prefix_key unique (agency_id, prefix),
            constraint api_keys_acts_as_id_fkey foreign key (agency_id, acts_as_id)
                references tenancy.memberships (agency_id, id),
            constraint api_keys_scopes_form
                check (
                    array_position(scopes, null) is null
                    and ' ' || array_to_string(scopes, ' ')
                    ~ '^( [a-z_]+[.][a-z_0-9]+:(select|insert|update|delete))* ?$'
                )
        );

        create index api_keys_acts_as_id_idx
            on tenancy.api_keys (agency_id, acts_as_id);

        create table tenancy.api_key_secrets (
            agency_id uuid not null,
            id uuid not null default app.uuid_v7(),
            api_key_id uuid not null,
            key_hash app.sha256 not null,
            constraint api_key_secrets_pkey primary key (agency_id, id),
            constraint api_key_secrets_api_key_id_key unique (agency_id, api_key_id),
            constraint api_key_secrets_key_hash_key unique (agency_id, key_hash),
            constraint api_key_secrets_api_key_id_fkey foreign key (agency_id, api_key_id)
                references tenancy.api_keys (agency_id, id) on delete cascade
        );
        """
    )
    execute(
        r"""
        alter table tenancy.agencies enable row level security;
        alter table tenancy.agencies force row level security;

        alter table tenancy.issuers enable row level security;
        alter table tenancy.issuers force row level security;

        alter table tenancy.users enable row level security;
        alter table tenancy.users force row level security;

        alter table tenancy.user_identities enable row level security;
        alter table tenancy.user_identities force row level security;

        alter table tenancy.teams enable row level security;
        alter table tenancy.teams force row level security;

        alter table tenancy.memberships enable row level security;
        alter table tenancy.memberships force row level security;

        alter table tenancy.team_members enable row level security;
        alter table tenancy.team_members force row level security;

        alter table tenancy.invitations enable row level security;
        alter table tenancy.invitations force row level security;

        alter table tenancy.invitation_secrets enable row level security;
        alter table tenancy.invitation_secrets force row level security;

        alter table tenancy.api_keys enable row level security;
        alter table tenancy.api_keys force row level security;

        alter table tenancy.api_key_secrets enable row level security;
        alter table tenancy.api_key_secrets force row level security;
        """
    )
    execute(
        r"""
        comment on table tenancy.agencies is 'An agency: the tenant. Its id is the agency_id of every row of its own.';
        comment on column tenancy.agencies.id is 'The agency_id of everybody in it.';
        comment on column tenancy.agencies.slug is 'Its name in URLs; never used again by another agency.';
        comment on column tenancy.agencies.name is 'Its name as people read it.';
        comment on column tenancy.agencies.status is 'Only an active agency can be entered.';
        comment on column tenancy.agencies.plan is 'What it pays for; written by service_role only.';
        comment on column tenancy.agencies.data_region is 'Where its data lives; written by service_role only.';
        comment on column tenancy.agencies.default_currency is 'Currency of new amounts.';
        comment on column tenancy.agencies.timezone is 'Its time zone, a name that PostgreSQL knows.';
        comment on column tenancy.agencies.locale is 'Its language.';
        comment on column tenancy.agencies.logo_path is 'Path of the logo in storage.';
        comment on column tenancy.agencies.settings is 'Settings of the applications.';
        comment on column tenancy.agencies.embedding_model_id is 'The model its searches use.';
        comment on column tenancy.agencies.created_at is 'When the row was made.';
        comment on column tenancy.agencies.updated_at is 'When the row was last changed.';
        comment on column tenancy.agencies.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';
        comment on column tenancy.agencies.deleted_at is 'When the row was deleted; null while it is live.';
        comment on column tenancy.agencies.deleted_by is 'The membership that deleted the row.';

        comment on table tenancy.issuers is 'The issuers of tokens that are believed. A token of any other gives no claims.';
        comment on column tenancy.issuers.issuer is 'The claim iss, letter for letter.';
        comment on column tenancy.issuers.kind is 'What it is: gotrue, kratos, authentik, own.';
        comment on column tenancy.issuers.may_assert_user_id is 'Whether its claim user_id is believed; otherwise (iss, sub) is looked up.';
        comment on column tenancy.issuers.active is 'False: its tokens give no claims.';

        comment on table tenancy.users is 'A login, of a person or an agent, in any number of agencies. Colleagues read memberships instead.';
        comment on column tenancy.users.id is 'The id of the user, a uuid v7.';
        comment on column tenancy.users.kind is 'A person or an agent.';
        comment on column tenancy.users.email is 'personal: The verified address; written by the identity service.';
        comment on column tenancy.users.full_name is 'personal: The name of the person.';
        comment on column tenancy.users.avatar_path is 'personal: Path of the picture in storage.';
        comment on column tenancy.users.locale is 'Language of the person.';
        comment on column tenancy.users.timezone is 'Time zone of the person.';
        comment on column tenancy.users.status is 'Only an active user has any rights.';
        comment on column tenancy.users.active_agency_id is 'The agency the next token is for.';
        comment on column tenancy.users.created_at is 'When the row was made.';
        comment on column tenancy.users.updated_at is 'When the row was last changed.';
        comment on column tenancy.users.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';

        comment on table tenancy.user_identities is 'Which user a token of an issuer speaks of: (iss, sub) to user. Never linked because of an equal e-mail.';
        comment on column tenancy.user_identities.id is 'The id of the identity, a uuid v7.';
        comment on column tenancy.user_identities.user_id is 'The user it belongs to.';
        comment on column tenancy.user_identities.issuer is 'The claim iss.';
        comment on column tenancy.user_identities.subject is 'personal: The claim sub, as text.';
        comment on column tenancy.user_identities.provider is 'How the person signs in there.';
        comment on column tenancy.user_identities.last_used_at is 'When it was last used.';
        comment on column tenancy.user_identities.created_at is 'When the row was made.';
        comment on column tenancy.user_identities.updated_at is 'When the row was last changed.';
        comment on column tenancy.user_identities.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';

        comment on table tenancy.teams is 'Teams own records and form a tree of at most five levels.';
        comment on column tenancy.teams.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column tenancy.teams.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column tenancy.teams.name is 'The name, unique among live teams.';
        comment on column tenancy.teams.description is 'free text: What the team is for.';
        comment on column tenancy.teams.parent_team_id is 'The team above it.';
        comment on column tenancy.teams.created_at is 'When the row was made.';
        comment on column tenancy.teams.created_by is 'The membership that made the row; null for a service.';
        comment on column tenancy.teams.updated_at is 'When the row was last changed.';
        comment on column tenancy.teams.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column tenancy.teams.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';
        comment on column tenancy.teams.deleted_at is 'When the row was deleted; null while it is live.';
        comment on column tenancy.teams.deleted_by is 'The membership that deleted the row.';

        comment on table tenancy.memberships is 'A user in an agency: the proof of every claim, and the directory of colleagues. Never deleted.';
        comment on column tenancy.memberships.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column tenancy.memberships.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column tenancy.memberships.user_id is 'The user; never changes.';
        comment on column tenancy.memberships.role is 'What the member is in the agency.';
        comment on column tenancy.memberships.record_scope is 'How far the member sees where the matrix says "scope".';
        comment on column tenancy.memberships.capabilities is 'Extra rights: import, export, merge.';
        comment on column tenancy.memberships.status is 'Only an active membership gives any rights.';
        comment on column tenancy.memberships.display_name is 'personal: The name colleagues see.';
        comment on column tenancy.memberships.job_title is 'personal: The position colleagues see.';
        comment on column tenancy.memberships.work_email is 'personal: The address colleagues see.';
        comment on column tenancy.memberships.avatar_path is 'personal: Path of the picture in storage.';
        comment on column tenancy.memberships.default_team_id is 'Team of new records when none is given.';
        comment on column tenancy.memberships.contact_id is 'The contact behind a client.';
        comment on column tenancy.memberships.suspended_at is 'When it was suspended.';
        comment on column tenancy.memberships.removed_at is 'When it ended.';
        comment on column tenancy.memberships.created_at is 'When the row was made.';
        comment on column tenancy.memberships.created_by is 'The membership that made the row; null for a service.';
        comment on column tenancy.memberships.updated_at is 'When the row was last changed.';
        comment on column tenancy.memberships.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column tenancy.memberships.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';

        comment on table tenancy.team_members is 'Who is in which team, and who leads it.';
        comment on column tenancy.team_members.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column tenancy.team_members.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column tenancy.team_members.team_id is 'The team.';
        comment on column tenancy.team_members.membership_id is 'The member.';
        comment on column tenancy.team_members.is_lead is 'A lead also reaches the teams below.';
        comment on column tenancy.team_members.created_at is 'When the row was made.';
        comment on column tenancy.team_members.created_by is 'The membership that made the row; null for a service.';

        comment on table tenancy.invitations is 'The only way for a person into an agency. Made by app.invite.';
        comment on column tenancy.invitations.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column tenancy.invitations.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column tenancy.invitations.email is 'personal: The invited address.';
        comment on column tenancy.invitations.role is 'The role it gives.';
        comment on column tenancy.invitations.record_scope is 'The reach it gives.';
        comment on column tenancy.invitations.team_id is 'The team it leads into.';
        comment on column tenancy.invitations.contact_id is 'The contact of an invited client.';
        comment on column tenancy.invitations.invited_by_id is 'The member who invited.';
        comment on column tenancy.invitations.expires_at is 'Until when it can be accepted.';
        comment on column tenancy.invitations.accepted_at is 'When it was accepted.';
        comment on column tenancy.invitations.revoked_at is 'When it was withdrawn.';
        comment on column tenancy.invitations.accepted_by_id is 'The membership that came of it.';
        comment on column tenancy.invitations.created_at is 'When the row was made.';
        comment on column tenancy.invitations.created_by is 'The membership that made the row; null for a service.';
        comment on column tenancy.invitations.updated_at is 'When the row was last changed.';
        comment on column tenancy.invitations.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column tenancy.invitations.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';

        comment on table tenancy.invitation_secrets is 'The hash of an invitation token, apart from what people read. No API role reaches it.';
        comment on column tenancy.invitation_secrets.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column tenancy.invitation_secrets.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column tenancy.invitation_secrets.invitation_id is 'The invitation.';
        comment on column tenancy.invitation_secrets.token_hash is 'sha256 of the token; the token is never stored.';

        comment on table tenancy.api_keys is 'Access for machines. A key acts as one membership and never does more than it. Made by app.create_api_key.';
        comment on column tenancy.api_keys.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column tenancy.api_keys.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column tenancy.api_keys.name is 'What the key is for.';
        comment on column tenancy.api_keys.prefix is 'Its first characters, to recognise it.';
        comment on column tenancy.api_keys.scopes is 'What it may do, as schema.table:command; empty: all that its membership may.';
        comment on column tenancy.api_keys.acts_as_id is 'The membership it acts as; never changes.';
        comment on column tenancy.api_keys.expires_at is 'Until when it works.';
        comment on column tenancy.api_keys.last_used_at is 'When it was last used.';
        comment on column tenancy.api_keys.revoked_at is 'When it was revoked; keys are never deleted.';
        comment on column tenancy.api_keys.created_at is 'When the row was made.';
        comment on column tenancy.api_keys.created_by is 'The membership that made the row; null for a service.';
        comment on column tenancy.api_keys.updated_at is 'When the row was last changed.';
        comment on column tenancy.api_keys.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column tenancy.api_keys.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';

        comment on table tenancy.api_key_secrets is 'The hash of an API key, apart from what people read. No API role reaches it.';
        comment on column tenancy.api_key_secrets.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column tenancy.api_key_secrets.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column tenancy.api_key_secrets.api_key_id is 'The key.';
        comment on column tenancy.api_key_secrets.key_hash is 'sha256 of the key; the key is never stored.';
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop table tenancy.api_key_secrets;
        drop table tenancy.api_keys;
        drop table tenancy.invitation_secrets;
        drop table tenancy.invitations;
        drop table tenancy.team_members;
        drop table tenancy.memberships;
        drop table tenancy.teams;
        drop table tenancy.user_identities;
        drop table tenancy.users;
        drop table tenancy.issuers;
        drop table tenancy.agencies;
        """
    )
