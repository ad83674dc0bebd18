"""Queue texts

Reason:    texts that are written or changed are queued for the models that need their vector; workers
           lease them, write vectors and cut documents; agencies change to another model.
Locks:     AccessExclusive on the tables of ai and on tenancy.agencies, for a moment.
Duration:  milliseconds.
Way back:  drops functions, triggers and policies. Jobs and vectors stay.
"""

from migrations.runner.execute import execute

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None


def upgrade() -> None:



def downgrade() -> None:

