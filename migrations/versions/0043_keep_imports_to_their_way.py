"""Keep imports to their way

Reason:    an import is started by its owner only, and changed while it is a draft only; app.proof
           reads who owns a running one, and reverting reads whether it is reverted.
Locks:     SHARE ROW EXCLUSIVE on integration.import_jobs, ACCESS EXCLUSIVE for its policies.
Duration:  milliseconds.
Way back:  drops trigger and policies; anybody who may change an import may start it again.
"""

from migrations.runner.execute import execute

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create or replace trigger guard_import
        before insert or update of
            entity,
            mapping,
            dedupe,
            owner_id,
            file_id,
            status
        on integration.import_jobs
        for each row
        execute function app.guard_import();
        """
    )
    execute(
        r"""
        grant select on table integration.import_jobs to gardenos_crm_writer;

        grant select on table integration.import_jobs to gardenos_membership_reader;
        """
    )
    execute(
        r"""
        create policy "reverting asks whether an import is reverted"
        on integration.import_jobs
        as permissive
        for select
        to gardenos_crm_writer
        using (
            true
        );
        """
    )
    execute(
        r"""
        create policy "the membership reader proves claims"
        on integration.import_jobs
        as permissive
        for select
        to gardenos_membership_reader
        using (
            true
        );
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "the membership reader proves claims" on integration.import_jobs;
        """
    )
    execute(
        r"""
        drop policy "reverting asks whether an import is reverted" on integration.import_jobs;
        """
    )
    execute(
        r"""
        revoke select on table integration.import_jobs from gardenos_crm_writer cascade;

        revoke select on table integration.import_jobs from gardenos_membership_reader cascade;
        """
    )
    execute(
        r"""
        drop trigger guard_import on integration.import_jobs;
        """
    )
