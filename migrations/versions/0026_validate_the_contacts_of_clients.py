"""Validate the contacts of clients

Reason:    the two foreign keys of the revision before hold for every row, not for new ones only. A
           client or an invitation whose contact was never written stops it with 23503 and the key:
           insert that contact, then run it again.
Locks:     ShareUpdateExclusive on tenancy.memberships and tenancy.invitations, RowShare on
           crm.contacts; nobody waits.
Duration:  a scan of the two tables.
Way back:  makes the two keys anew, for new rows only.
"""

from migrations.runner.execute import execute

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        alter table tenancy.memberships
            validate constraint memberships_contact_id_fkey;

        alter table tenancy.invitations
            validate constraint invitations_contact_id_fkey;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        alter table tenancy.invitations
            drop constraint invitations_contact_id_fkey;

        alter table tenancy.invitations
            add constraint invitations_contact_id_fkey
            foreign key (agency_id, contact_id) references crm.contacts (agency_id, id)
            on delete cascade
            not valid;

        alter table tenancy.memberships
            drop constraint memberships_contact_id_fkey;

        alter table tenancy.memberships
            add constraint memberships_contact_id_fkey
            foreign key (agency_id, contact_id) references crm.contacts (agency_id, id)
            not valid;
        """
    )
