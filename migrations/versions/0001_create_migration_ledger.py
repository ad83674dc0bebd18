"""Create the migration ledger

Reason:    a deploy must be able to prove which text it applied, and a restored database must not be
           mistaken for the one it was copied from
Locks:     none on tables that exist
Duration:  milliseconds
Way back:  drops both tables; the record of what was applied is lost with them
"""

from migrations.runner.execute import execute

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute("""
        create table migration.revisions (
            revision text not null,
            sha256 text not null,
            applied_at timestamptz not null default now(),
            applied_by text not null default session_user,
            server_version text not null default current_setting('server_version'),
            constraint revisions_pkey primary key (revision),
            constraint revisions_sha256_check check (sha256 ~ '^[0-9a-f]{64}$')
        )
    """)
    execute("""
        comment on table migration.revisions is
        'Which text of each revision was applied; a row commits with its revision.'
    """)
    execute("""
        comment on column migration.revisions.sha256 is
        'Of the file of the revision; the same as in versions/manifest.sha256.'
    """)
    execute("""
        comment on column migration.revisions.applied_by is
        'The login that applied it.'
    """)
    execute("""
        create table migration.epochs (
            epoch integer not null,
            started_at timestamptz not null default now(),
            system_identifier bigint,
            reason text not null,
            constraint epochs_pkey primary key (epoch),
            constraint epochs_epoch_check check (epoch > 0),
            constraint epochs_reason_check check (reason <> '')
        )
    """)
    execute("""
        comment on table migration.epochs is
        'One row for each life of the data: a restore into a new cluster begins the next epoch, because '
        'timelines and transaction ids start again there. A failover does not.'
    """)
    execute("""
        comment on column migration.epochs.system_identifier is
        'Of the cluster, from pg_control_system(); null where the owner may not call that.'
    """)
    # A function without the right to call it fails when a query begins, so the right is asked for first.
    execute("""
        do $epoch$
        declare
            identifier bigint;
        begin
            if has_function_privilege('pg_catalog.pg_control_system()', 'execute') then
                select c.system_identifier into identifier from pg_catalog.pg_control_system() as c;
            end if;
            insert into migration.epochs (epoch, system_identifier, reason)
            values (1, identifier, 'created');
        end
        $epoch$
    """)


def downgrade() -> None:
    execute("drop table migration.epochs")
    execute("drop table migration.revisions")
