"""What revisions call to run SQL."""

import textwrap

from alembic import op
from sqlalchemy import text


def execute(sql: str) -> None:
    """Run SQL in a revision, exactly as it stands, online and offline alike.

    `op.execute` reads `:name` as a bind parameter: an error online, silently NULL offline. So every
    colon is escaped, those of `::type` too. The text is dedented: its first line begins in column
    0, as in the file it was copied from.

    Args:
        sql: one statement or several, without a transaction command.

    Raises:
        ValueError: it is empty, holds a tab (`--sql` would turn it into spaces), or ends in a
            comment (offline the semicolon would become part of it).
    """
    statement = textwrap.dedent(sql).strip().rstrip(";").rstrip()
    if not statement:
        raise ValueError("There is no statement to execute.")
    if "\t" in statement:
        raise ValueError("The statement holds a tab: use spaces.")
    if "--" in statement.rsplit("\n", 1)[-1]:
        raise ValueError("The statement ends in a comment: put the comment above it.")
    op.execute(text(statement.replace(":", "\\:")))
