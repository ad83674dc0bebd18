"""Protect the verifications of the audit trail

Reason:    a note that a trail was verified is worth as much as nobody can make one up or away.
Locks:     AccessExclusive on audit.verifications.
Duration:  milliseconds.
Way back:  drops policies, grants and triggers: nobody reads or writes the notes.
"""

from migrations.runner.execute import execute

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        create or replace trigger forbid_change
        before update or delete on audit.verifications
        for each row
        execute function audit.forbid_change();
        """
    )
    execute(
        r"""
        create or replace trigger forbid_truncate
        before truncate on audit.verifications
        for each statement
        execute function audit.forbid_truncate();
        """
    )
    execute(
        r"""
        grant select on table audit.verifications to authenticated;

        grant select, insert on table audit.verifications to gardenos_audit_sealer;

        grant select on table audit.verifications to gardenos_auditor;

        grant select on table audit.verifications to service_role;
        """
    )
    execute(
        r"""
        create policy "owners and admins read how their trail was verified"
        on audit.verifications
        as permissive
        for select
        to authenticated
        using (
            agency_id = (select app.agency_id())
            and (select app.may('audit.verifications:select', 'owner', 'admin'))
        );
        """
    )
    execute(
        r"""
        create policy "sealing reads and appends"
        on audit.verifications
        as permissive
        for all
        to gardenos_audit_sealer
        using (
            true
        )
        with check (
            true
        );
        """
    )
    execute(
        r"""
        create policy "tenant floor"
        on audit.verifications
        as restrictive
        for all
        to anon, authenticated, service_role, gardenos_worker
        using (
            agency_id = (select app.agency_id())
        )
        with check (
            agency_id = (select app.agency_id())
        );
        """
    )
    execute(
        r"""
        create policy "the auditor reads everything"
        on audit.verifications
        as permissive
        for select
        to gardenos_auditor
        using (
            true
        );
        """
    )


def downgrade() -> None:
    execute(
        r"""
        drop policy "the auditor reads everything" on audit.verifications;
        """
    )
    execute(
        r"""
        drop policy "tenant floor" on audit.verifications;
        """
    )
    execute(
        r"""
        drop policy "sealing reads and appends" on audit.verifications;
        """
    )
    execute(
        r"""
        drop policy "owners and admins read how their trail was verified" on audit.verifications;
        """
    )
    execute(
        r"""
        revoke select on table audit.verifications from authenticated cascade;

        revoke select, insert on table audit.verifications from gardenos_audit_sealer cascade;

        revoke select on table audit.verifications from gardenos_auditor cascade;

        revoke select on table audit.verifications from service_role cascade;
        """
    )
    execute(
        r"""
        drop trigger forbid_truncate on audit.verifications;
        """
    )
    execute(
        r"""
        drop trigger forbid_change on audit.verifications;
        """
    )
