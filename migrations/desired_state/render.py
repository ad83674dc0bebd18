"""The SQL that carries one object from one state to another, as somebody would have written it."""

import re
from collections.abc import Iterable, Mapping

from migrations.desired_state.compare import Change, Detail
from migrations.desired_state.sources import OWNER, ObjectName, Source

# The order in which people list them; what is not here comes behind.
PRIVILEGES = ("select", "insert", "update", "delete", "truncate", "references", "trigger")


class Sources:
    """The texts of the files, by the object they make."""

    def __init__(self, sources: Iterable[Source]) -> None:
        """Index the statements of all files."""
        self._files: dict[str, Source] = {}
        self._statements: dict[ObjectName, str] = {}
        for source in sources:
            if source.name.startswith("sql/functions/"):
                self._files[source.path.stem] = source
            self._statements.update(source.statements)

    def function(self, name: str) -> str | None:
        """The file of a function, from its first statement on."""
        source = self._files.get(name.partition("(")[0].replace('"', ""))
        return source.text.strip() if source else None

    def statement(self, kind: str, name: str) -> str | None:
        """The statement that makes a trigger, policy or view."""
        return self._statements.get((kind, name))


NO_SOURCES = Sources(())


def render(change: Change, sources: Sources = NO_SOURCES) -> str:
    """The statements that bring `change.head` to `change.files`.

    Args:
        change: one difference.
        sources: where to take texts from as they were written; without them everything is written
            anew from the catalogue, as for the way back.
    """
    return "\n\n".join(_RENDERERS[change.kind](change, sources))


def _function(change: Change, sources: Sources) -> list[str]:
    head, files, name = change.head, change.files, change.name
    signature = _signature(name)
    if files is None:
        assert head is not None
        return _as_role(head["owner"], [f"drop function {signature};"])
    written = sources.function(name)
    recreate = head is not None and not _replaceable(head, files)
    out = _as_role(head["owner"], [f"drop function {signature};"]) if head and recreate else []
    basis = None if recreate else head
    if written is not None and (basis is None or set(change.properties) - {"acl"}):
        out.append(written)
        after_file = {"owner": files["owner"], "acl": files["acl"]}
        stray = [item for item in (basis or {"acl": []})["acl"] if item not in after_file["acl"]]
        revokes = _revokes("function", signature, stray)
        return out + (_as_role(files["owner"], revokes) if revokes else [])
    statements = []
    if basis is None or basis["definition"] != files["definition"]:
        statements.append(_ended(files["definition"]))
    before = basis["acl"] if basis else _default_function_acl(files["owner"])
    statements += _grants_and_revokes("function", signature, before, files["acl"])
    statements += _comment("function", signature, basis, files)
    return out + _as_role(files["owner"], statements)


def _default_function_acl(owner: str) -> list[str]:
    # Default privileges have taken EXECUTE from PUBLIC; revoked again for where they have not.
    return [f"{owner}: execute by {owner}", f"public: execute by {owner}"]


def _replaceable(head: Detail, files: Detail) -> bool:
    """Whether CREATE OR REPLACE can make the one of the other."""
    returns = re.compile(r"^ RETURNS (.*)$", re.MULTILINE)
    declared = re.compile(r"^CREATE OR REPLACE \w+ (.*)$", re.MULTILINE)
    return head["owner"] == files["owner"] and all(
        pattern.findall(head["definition"])[:1] == pattern.findall(files["definition"])[:1]
        for pattern in (returns, declared)
    )


def _signature(name: str) -> str:
    """`app.f(a integer, OUT b text)` as DROP FUNCTION wants it: without OUT arguments."""
    head, _, arguments = name.partition("(")
    kept = [one for one in _split_arguments(arguments[:-1]) if not one.startswith("OUT ")]
    return f"{head}({', '.join(kept)})"


def _split_arguments(arguments: str) -> list[str]:
    found, depth, start = [], 0, 0
    for position, character in enumerate(arguments):
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            found.append(arguments[start:position].strip())
            start = position + 1
    last = arguments[start:].strip()
    return [*found, last] if last else found


def _view(change: Change, sources: Sources) -> list[str]:
    head, files, name = change.head, change.files, change.name
    drop = _as_role(head["owner"], [f"drop view {name};"]) if head else []
    if files is None:
        return drop
    owner, out, basis = files["owner"], [], head
    if head is None or {"definition", "options", "owner"} & set(change.properties):
        out.append(sources.statement("view", name) or _create_view(name, files))
        basis = None
    acl = basis["acl"] if basis else [item for item in files["acl"] if item.startswith(f"{owner}:")]
    statements = [
        *out,
        *_grants_and_revokes("table", name, acl, files["acl"]),
        *_comment("view", name, basis, files),
    ]
    return (drop if basis is None else []) + _as_role(owner, statements)


def _create_view(name: str, detail: Detail) -> str:
    options = ", ".join(detail["options"] or [])
    with_options = f"\nwith ({options})" if options else ""
    return f"create view {name}{with_options}\nas\n{detail['definition'].strip()}"


def _trigger(change: Change, sources: Sources) -> list[str]:
    table, trigger = split_name(change.name)
    if change.files is None:
        return [f"drop trigger {trigger} on {table};"]
    out = []
    definition = change.files["definition"]
    constraint = definition.startswith("CREATE CONSTRAINT")
    if change.head is not None and (constraint or set(change.properties) == {"enabled"}):
        out.append(f"drop trigger {trigger} on {table};")
    out.append(
        sources.statement("trigger", change.name)
        or _ended(definition.replace("CREATE TRIGGER", "create or replace trigger", 1))
    )
    states = {"D": "disable", "R": "enable replica", "A": "enable always"}
    if change.files["enabled"] in states:
        out.append(f"alter table {table} {states[change.files['enabled']]} trigger {trigger};")
    return [*out, *_comment("trigger", f"{trigger} on {table}", change.head, change.files)]


def _policy(change: Change, sources: Sources) -> list[str]:
    table, policy = split_name(change.name)
    out = [f"drop policy {policy} on {table};"] if change.head else []
    if change.files is None:
        return out
    written = sources.statement("policy", change.name)
    return [
        *out,
        written or _create_policy(table, policy, change.files),
        *_comment("policy", f"{policy} on {table}", None, change.files),
    ]


def _create_policy(table: str, policy: str, detail: Detail) -> str:
    commands = {"r": "select", "a": "insert", "w": "update", "d": "delete", "*": "all"}
    lines = [
        f"create policy {policy}",
        f"on {table}",
        f"as {'permissive' if detail['permissive'] else 'restrictive'}",
        f"for {commands[detail['command']]}",
        f"to {', '.join(detail['roles'])}",
    ]
    for word, key in (("using", "using"), ("with check", "check")):
        if detail[key] is not None:
            body = detail[key]
            lines += [f"{word} (", *(f"    {line}" for line in body.splitlines()), ")"]
    return "\n".join(lines) + ";"


def _table(change: Change, _: Sources) -> list[str]:
    assert change.head is not None
    assert change.files is not None
    out = []
    words = {"row_security": ("enable", "disable"), "force_row_security": ("force", "no force")}
    for key, (yes, no) in words.items():
        if change.head[key] != change.files[key]:
            word = yes if change.files[key] else no
            out.append(f"alter table {change.name} {word} row level security;")
    return out + _grants_and_revokes("table", change.name, change.head["acl"], change.files["acl"])


def _column(change: Change, _: Sources) -> list[str]:
    table, column = split_name(change.name)
    head, files = change.head or {"acl": []}, change.files or {"acl": []}
    out = _grants_and_revokes("table", table, head["acl"], files["acl"], column)
    comment = _comment("column", change.name, change.head, files)
    return _as_role(files.get("owner", OWNER), [*out, *comment])


def _schema(change: Change, _: Sources) -> list[str]:
    assert change.head is not None
    assert change.files is not None
    return _grants_and_revokes("schema", change.name, change.head["acl"], change.files["acl"])


def _sequence(change: Change, _: Sources) -> list[str]:
    assert change.head is not None
    assert change.files is not None
    return _grants_and_revokes("sequence", change.name, change.head["acl"], change.files["acl"])


def _default_privileges(change: Change, _: Sources) -> list[str]:
    role, place, kind = change.name.rsplit(" ", 2)
    objects = {"r": "tables", "S": "sequences", "f": "functions", "T": "types", "n": "schemas"}
    where = "" if place == "everywhere" else f" in schema {place}"
    prefix = f"alter default privileges for role {role}{where}"
    built_in = [f"public: {'execute' if kind == 'f' else 'usage'} by {role}"]
    implicit = built_in if kind in "fT" and place == "everywhere" else []
    head = change.head["acl"] if change.head else implicit
    files = change.files["acl"] if change.files else implicit
    own = f"{role}: "
    return [
        f"{prefix} {verb} {privileges} on {objects[kind]} {word} {grantee};"
        for verb, word, items in (
            ("revoke", "from", [item for item in head if item not in files]),
            ("grant", "to", [item for item in files if item not in head]),
        )
        for grantee, privileges in _by_grantee(item for item in items if not item.startswith(own))
    ]


def _as_role(role: str, statements: list[str]) -> list[str]:
    if role == OWNER or not statements:
        return statements
    return [f"set local role {role};", *statements, f"set local role {OWNER};"]


def _comment(kind: str, name: str, head: Detail | None, files: Mapping[str, object]) -> list[str]:
    before = head.get("comment") if head else None
    after = files.get("comment")
    if before == after:
        return []
    text = "null" if after is None else "'" + str(after).replace("'", "''") + "'"
    return [f"comment on {kind} {name} is\n{text};"]


def _grants_and_revokes(
    kind: str, name: str, head: list[str], files: list[str], column: str | None = None
) -> list[str]:
    """What carries one list of privileges (`grantee: privilege by grantor`) to the other."""
    gone = [item for item in head if item not in files]
    new = [item for item in files if item not in head]
    return [
        *_revokes(kind, name, gone, column),
        *(
            f"grant {privileges} on {kind} {name} to {grantee}{option};"
            for option, items in _by_option(new)
            for grantee, privileges in _by_grantee(items, column)
        ),
    ]


def _by_option(items: list[str]) -> list[tuple[str, list[str]]]:
    option = " with grant option"
    return [
        ("", [item for item in items if f"{option} by " not in item]),
        (option, [item for item in items if f"{option} by " in item]),
    ]


def _revokes(kind: str, name: str, items: list[str], column: str | None = None) -> list[str]:
    return [
        f"revoke {privileges} on {kind} {name} from {grantee} cascade;"
        for grantee, privileges in _by_grantee(items, column)
    ]


def _by_grantee(items: Iterable[str], column: str | None = None) -> list[tuple[str, str]]:
    grouped: dict[str, list[str]] = {}
    for item in items:
        grantee, _, rest = item.partition(": ")
        privilege = rest.partition(" by ")[0].removesuffix(" with grant option")
        grouped.setdefault(grantee, []).append(privilege)
    suffix = f" ({column})" if column else ""
    return [
        (grantee, ", ".join(privilege + suffix for privilege in sorted(found, key=_rank)))
        for grantee, found in grouped.items()
    ]


def _rank(privilege: str) -> tuple[int, str]:
    known = PRIVILEGES.index(privilege) if privilege in PRIVILEGES else len(PRIVILEGES)
    return known, privilege


def split_name(name: str) -> tuple[str, str]:
    """`schema.table.object` as (`schema.table`, `object`), minding quoted names with dots."""
    match = re.fullmatch(r'((?:"(?:[^"]|"")*"|[^".]+)\.(?:"(?:[^"]|"")*"|[^".]+))\.(.+)', name)
    assert match is not None, name
    return match.group(1), match.group(2)


def _ended(statement: str) -> str:
    return statement.strip().rstrip(";") + ";"


_RENDERERS = {
    "function": _function,
    "view": _view,
    "trigger": _trigger,
    "policy": _policy,
    "table": _table,
    "column": _column,
    "schema": _schema,
    "sequence": _sequence,
    "default_privileges": _default_privileges,
}
