"""Create the tables of governance

Reason:    requests to be forgotten, how long what is kept, and addresses that must not come back.
           Nobody but services and the auditor reaches them until their policies open them.
Locks:     AccessExclusive on the new tables; ShareRowExclusive on the tables that they point to.
Duration:  milliseconds.
Way back:  drops the tables with all their rows: restore a backup to get them back.
"""

from migrations.runner.execute import execute

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create type app.erasure_status as enum (
            'requested',
            'approved',
            'running',
            'done',
            'refused'
        );

        create type app.retention_action as enum (
            'delete',
            'anonymise'
        );

        comment on type app.erasure_status is 'How far a request to be forgotten is.';
        comment on type app.retention_action is 'What happens at the end of the time.';
        """
    )
    execute(
        r"""
        create table governance.erasure_requests (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            subject_kind text not null,
            subject_id uuid not null,
            label_masked app.label not null,
            reason app.line,
            status app.erasure_status not null default 'requested',
            legal_hold boolean not null default false,
            requested_at timestamptz not null default now(),
            due_at timestamptz not null default now() + interval '30 days',
            requested_by_id uuid,
            approved_by_id uuid,
            executed_at timestamptz,
            report app.json_object not null default '{}',
            exported_at timestamptz,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            constraint erasure_requests_pkey primary key (agency_id, id),
            constraint erasure_requests_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint erasure_requests_requested_by_id_fkey foreign key (agency_id, requested_by_id)
                references tenancy.memberships (agency_id, id),
            constraint erasure_requests_approved_by_id_fkey foreign key (agency_id, approved_by_id)
                references tenancy.memberships (agency_id, id),
            constraint erasure_requests_subject_known check (subject_kind in ('contact', 'member')),
            constraint erasure_requests_hold_is_not_executed
                check (not legal_hold or status in ('requested', 'refused'))
        );

        create index erasure_requests_requested_by_id_idx
            on governance.erasure_requests (agency_id, requested_by_id)
            where requested_by_id is not null;

        create index erasure_requests_approved_by_id_idx
            on governance.erasure_requests (agency_id, approved_by_id)
            where approved_by_id is not null;

        create unique index erasure_requests_open_key
            on governance.erasure_requests (agency_id, subject_kind, subject_id)
            where status in ('requested', 'approved', 'running');

        create table governance.retention_policies (
            agency_id uuid not null default app.agency_id(),
            id uuid not null default app.uuid_v7(),
            entity app.label not null,
            keep interval not null,
            action app.retention_action not null,
            legal_hold boolean not null default false,
            last_run_at timestamptz,
            last_run_rows bigint,
            created_at timestamptz not null default now(),
            created_by uuid,
            updated_at timestamptz not null default now(),
            updated_by uuid,
            row_version integer not null default 1,
            constraint retention_policies_pkey primary key (agency_id, id),
            constraint retention_policies_entity_key unique (agency_id, entity),
            constraint retention_policies_agency_id_fkey foreign key (agency_id)
                references tenancy.agencies (id),
            constraint retention_policies_keep_a_day check (keep >= interval '1 day')
        );

        create table governance.suppressions (
            agency_id uuid not null,
            id uuid not null default app.uuid_v7(),
            erasure_id uuid not null,
            kind app.point_kind not null,
            value_hash app.sha256 not null,
            created_at timestamptz not null default now(),
            constraint suppressions_pkey primary key (agency_id, id),
            constraint suppressions_value_hash_key unique (agency_id, kind, value_hash),
            constraint suppressions_erasure_id_fkey foreign key (agency_id, erasure_id)
                references governance.erasure_requests (agency_id, id)
        );

        create index suppressions_erasure_id_idx
            on governance.suppressions (agency_id, erasure_id);
        """
    )
    execute(
        r"""
        comment on table governance.erasure_requests is 'A request to be forgotten, and the proof that it was done.';
        comment on column governance.erasure_requests.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column governance.erasure_requests.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column governance.erasure_requests.subject_kind is 'contact or member.';
        comment on column governance.erasure_requests.subject_id is 'Who; outlives the row that it names.';
        comment on column governance.erasure_requests.label_masked is 'personal: "J… D…": enough to answer the person.';
        comment on column governance.erasure_requests.reason is 'free text: Why.';
        comment on column governance.erasure_requests.status is 'How far it is.';
        comment on column governance.erasure_requests.legal_hold is 'Set: it is refused.';
        comment on column governance.erasure_requests.requested_at is 'When it was asked for.';
        comment on column governance.erasure_requests.due_at is 'Until when it has to be done.';
        comment on column governance.erasure_requests.requested_by_id is 'The member who asked for it.';
        comment on column governance.erasure_requests.approved_by_id is 'The member who approved it.';
        comment on column governance.erasure_requests.executed_at is 'When it was done.';
        comment on column governance.erasure_requests.report is 'Rows for each table; hits to confirm, as table, id, column.';
        comment on column governance.erasure_requests.exported_at is 'When it reached the store outside the database.';
        comment on column governance.erasure_requests.created_at is 'When the row was made.';
        comment on column governance.erasure_requests.created_by is 'The membership that made the row; null for a service.';
        comment on column governance.erasure_requests.updated_at is 'When the row was last changed.';
        comment on column governance.erasure_requests.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column governance.erasure_requests.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';

        comment on table governance.retention_policies is 'How long the agency keeps what.';
        comment on column governance.retention_policies.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column governance.retention_policies.id is 'The id of the row, a uuid v7; a client may choose it, so that a retry cannot make a second row.';
        comment on column governance.retention_policies.entity is 'The table, schema.table.';
        comment on column governance.retention_policies.keep is 'How long, at least a day.';
        comment on column governance.retention_policies.action is 'What happens then.';
        comment on column governance.retention_policies.legal_hold is 'Set: the job leaves this table alone.';
        comment on column governance.retention_policies.last_run_at is 'When the job last ran.';
        comment on column governance.retention_policies.last_run_rows is 'How many rows it touched.';
        comment on column governance.retention_policies.created_at is 'When the row was made.';
        comment on column governance.retention_policies.created_by is 'The membership that made the row; null for a service.';
        comment on column governance.retention_policies.updated_at is 'When the row was last changed.';
        comment on column governance.retention_policies.updated_by is 'The membership that last changed the row; null for a service.';
        comment on column governance.retention_policies.row_version is 'Raised by every change; send the one you read, and a change in between is refused.';

        comment on table governance.suppressions is 'Hashes of erased addresses, so that an import does not bring them back. Pseudonymous, not anonymous.';
        comment on column governance.suppressions.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column governance.suppressions.id is 'The id of the row, a uuid v7.';
        comment on column governance.suppressions.erasure_id is 'The request that it came of.';
        comment on column governance.suppressions.kind is 'What it was.';
        comment on column governance.suppressions.value_hash is 'personal: sha256 of agency, kind and normalised value.';
        comment on column governance.suppressions.created_at is 'When the row was made.';
        """
    )
    execute(
        r"""
        -- Requests to be forgotten.
        alter table governance.erasure_requests enable row level security;
        alter table governance.erasure_requests force row level security;

        create policy "tenant floor"
        on governance.erasure_requests
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the auditor reads everything"
        on governance.erasure_requests
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table governance.erasure_requests to service_role;

        grant select on table governance.erasure_requests to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- How long what is kept.
        alter table governance.retention_policies enable row level security;
        alter table governance.retention_policies force row level security;

        create policy "tenant floor"
        on governance.retention_policies
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the auditor reads everything"
        on governance.retention_policies
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert, update, delete on table governance.retention_policies to service_role;

        grant select on table governance.retention_policies to gardenos_auditor;
        """
    )
    execute(
        r"""
        -- Hashes of addresses that must not come back. No client reaches them.
        alter table governance.suppressions enable row level security;
        alter table governance.suppressions force row level security;

        create policy "tenant floor"
        on governance.suppressions
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );

        create policy "the auditor reads everything"
        on governance.suppressions
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );

        grant select, insert on table governance.suppressions to service_role;

        grant select on table governance.suppressions to gardenos_auditor;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop table governance.suppressions;
        drop table governance.retention_policies;
        drop table governance.erasure_requests;

        drop type app.retention_action;
        drop type app.erasure_status;
        """
    )
