"""Create the table of verifications, and the index of actors, of the audit trail

Reason:    whether a trail still verifies, and when somebody last looked, is a fact that its agency and
           monitoring ask for; a verification that nobody noted might never have run. What one person
           did has no other way through a long trail than an index.
Locks:     AccessExclusive on the new table; Share on audit.log and its months, so that audited writes
           wait while the index is made.
Duration:  milliseconds on a trail that has just begun; about a minute for 20 million rows.
Way back:  drops the notes and the index; the trail and its seals stay.
"""

from migrations.runner.execute import execute

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create table audit.verifications (
            agency_id uuid not null,
            id uuid not null default app.uuid_v7(),
            verified_at timestamptz not null default clock_timestamp(),
            last_seal bigint,
            head_hash app.sha256,
            problems bigint not null,
            first_problem app.line,
            constraint verifications_pkey primary key (agency_id, id),
            constraint verifications_head check ((last_seal is null) = (head_hash is null)),
            constraint verifications_problem check (
                problems >= 0
                and (problems > 0) = (first_problem is not null)
            )
        );

        -- squawk-ignore require-concurrent-index-creation -- a partitioned table has no CONCURRENTLY
        create index log_actor_idx
            on audit.log (agency_id, actor_user_id, id)
            where actor_user_id is not null;

        alter table audit.verifications enable row level security;
        alter table audit.verifications force row level security;

        comment on table audit.verifications is 'When the trail of an agency was verified, up to which seal, and what was found. Append-only.';
        comment on column audit.verifications.agency_id is 'The agency that the row belongs to; never changes.';
        comment on column audit.verifications.id is 'The id of the row, a uuid v7.';
        comment on column audit.verifications.verified_at is 'When it was verified.';
        comment on column audit.verifications.last_seal is 'The last seal then; null when there was none.';
        comment on column audit.verifications.head_hash is 'The hash of that seal: compare it with what was anchored outside.';
        comment on column audit.verifications.problems is 'How many places do not verify.';
        comment on column audit.verifications.first_problem is 'The first of these, as audit.verify names it.';
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop index audit.log_actor_idx;

        drop table audit.verifications;
        """
    )
