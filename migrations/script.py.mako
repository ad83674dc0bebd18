"""${message}

Reason:    why the database has to change
Locks:     which locks the statements take, on which tables
Duration:  how long, and what it grows with
Way back:  what downgrade does, and what it cannot bring back
"""

from migrations.runner.execute import execute
% if imports:
${imports}
% endif

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else 'execute("")'}


def downgrade() -> None:
    ${downgrades if downgrades else 'execute("")'}
