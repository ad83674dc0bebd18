"""Validate the runs of messages

Reason:    the foreign keys of crm.messages.agent_run_id and ai.memories.source_run_id hold for every
           row, not for new ones only. A message whose run was never written stops it with 23503 and the
           key: clear it (services may update agent_run_id), then run it again.
Locks:     ShareUpdateExclusive on crm.messages and ai.memories, RowShare on ai.agent_runs; nobody waits.
Duration:  a scan of the messages and of the memories.
Way back:  makes the keys anew, for new rows only.
"""

from migrations.runner.execute import execute

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    execute(
        r"""
        alter table crm.messages
            validate constraint messages_agent_run_id_fkey;

        alter table ai.memories
            validate constraint memories_source_run_id_fkey;
        """
    )


def downgrade() -> None:
    execute(
        r"""
        alter table crm.messages
            drop constraint messages_agent_run_id_fkey;

        alter table crm.messages
            add constraint messages_agent_run_id_fkey
            foreign key (agency_id, agent_run_id) references ai.agent_runs (agency_id, id)
            on delete set null (agent_run_id)
            not valid;

        alter table ai.memories
            drop constraint memories_source_run_id_fkey;

        alter table ai.memories
            add constraint memories_source_run_id_fkey
            foreign key (agency_id, source_run_id) references ai.agent_runs (agency_id, id)
            on delete set null (source_run_id)
            not valid;
        """
    )
