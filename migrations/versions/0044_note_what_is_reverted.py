"""Note what is reverted

Reason:    reverting marks the lines that it undid, and API roles do not write lines.
Locks:     ACCESS EXCLUSIVE on integration.import_rows.
Duration:  milliseconds.
Way back:  drops the policies; imports can no longer be reverted.
"""

from migrations.runner.execute import execute

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        grant select on table integration.import_rows to gardenos_crm_writer;
        """
    )
    execute(
        r"""
        create policy "reverting looks lines up"
        on integration.import_rows
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
        create policy "reverting notes what it undid"
        on integration.import_rows
        as permissive
        for update
        to gardenos_crm_writer
        using (
            true
        )
        with check (
            true
        );
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "reverting notes what it undid" on integration.import_rows;
        """
    )
    execute(
        r"""
        drop policy "reverting looks lines up" on integration.import_rows;
        """
    )
    execute(
        r"""
        revoke select on table integration.import_rows from gardenos_crm_writer cascade;
        """
    )
