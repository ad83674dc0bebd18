"""Point clients to contacts

Reason:    the person behind a client, and whom an invitation is for, is a contact of the same
           agency. Until there were contacts any uuid was taken. A contact that is deleted takes its
           invitations along; one that is a client cannot be deleted.
Locks:     ShareRowExclusive on tenancy.memberships, tenancy.invitations and crm.contacts.
Duration:  milliseconds: rows that are there are looked at by the next revision.
Way back:  drops the two foreign keys; rows stay as they are.
"""

from migrations.runner.execute import execute

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        alter table tenancy.memberships
            add constraint memberships_contact_id_fkey
            foreign key (agency_id, contact_id) references crm.contacts (agency_id, id)
            not valid;

        alter table tenancy.invitations
            add constraint invitations_contact_id_fkey
            foreign key (agency_id, contact_id) references crm.contacts (agency_id, id)
            on delete cascade
            not valid;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        alter table tenancy.invitations
            drop constraint invitations_contact_id_fkey;

        alter table tenancy.memberships
            drop constraint memberships_contact_id_fkey;
        """
    )
