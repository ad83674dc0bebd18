"""Index the runs of messages

Reason:    a run that is deleted looks for the messages that it wrote.
Locks:     ShareUpdateExclusive on crm.messages while the index is built; nobody waits.
Duration:  seconds to minutes, with the number of messages; it waits for older transactions.
Way back:  drops the index.
"""

from migrations.runner.index import create_index, drop_index

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index(
        "crm.messages_agent_run_id_idx",
        "on crm.messages using btree (agency_id, agent_run_id) where (agent_run_id is not null)",
    )


def downgrade() -> None:
    drop_index("crm.messages_agent_run_id_idx")
