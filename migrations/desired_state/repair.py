"""The statements that repair what revisions declare: indexes, constraints, columns, comments.

Only where nothing is lost and nothing has to be guessed: a column that is gone, or one too many, a
changed type, an enum label or another owner is for a person.
"""

import re

from migrations.desired_state.compare import Detail

COMMENTED = frozenset({"table", "sequence", "schema", "type"})


def repair_structure(kind: str, name: str, now: Detail | None, then: Detail | None) -> str | None:
    """What brings one object back.

    Args:
        kind: of the snapshot.
        name: of the snapshot.
        now: as it is; None when it is gone.
        then: as the revision left it; None when it is one too many.

    Returns:
        statements for psql (an index is built concurrently, so outside a transaction), or None.
    """
    if kind == "index":
        return _index(name, now, then)
    if kind == "constraint":
        return _constraint(name, now, then)
    if now is None or then is None:
        return None
    changed = {key for key in now.keys() | then.keys() if now.get(key) != then.get(key)}
    if kind == "column":
        return _column(name, changed, then)
    return _comment(kind, name, then) if kind in COMMENTED and changed == {"comment"} else None


def _index(name: str, now: Detail | None, then: Detail | None) -> str | None:
    drop = f"drop index concurrently {name};" if now is not None else None
    if then is None:
        return drop
    create = re.sub(
        r"^CREATE (UNIQUE )?INDEX",
        lambda found: f"create {(found.group(1) or '').lower()}index concurrently",
        then["definition"],
    )
    return "\n".join(filter(None, [drop, f"{create};"]))


def _constraint(name: str, now: Detail | None, then: Detail | None) -> str:
    place, _, constraint = name.rpartition(".")
    detail = then or now
    assert detail is not None
    of_a_domain = re.search(r"\bVALUE\b", detail["definition"]) is not None
    alter = "alter domain" if of_a_domain else "alter table"
    statements = []
    if now is not None:
        statements.append(f"{alter} {place} drop constraint {constraint};")
    if then is not None:
        statements.append(f"{alter} {place} add constraint {constraint} {then['definition']};")
    return "\n".join(statements)


def _column(name: str, changed: set[str], then: Detail) -> str | None:
    if not changed <= {"not_null", "default", "comment"}:
        return None
    table, _, column = name.rpartition(".")
    statements = []
    if "not_null" in changed:
        word = "set" if then["not_null"] else "drop"
        statements.append(f"alter table {table} alter column {column} {word} not null;")
    if "default" in changed:
        value = then["default"]
        word = "drop default" if value is None else f"set default {value}"
        statements.append(f"alter table {table} alter column {column} {word};")
    if "comment" in changed:
        statements.append(_comment("column", name, then))
    return "\n".join(statements)


def _comment(kind: str, name: str, then: Detail) -> str:
    text = then["comment"]
    value = "null" if text is None else "'" + text.replace("'", "''") + "'"
    return f"comment on {kind} {name} is {value};"
