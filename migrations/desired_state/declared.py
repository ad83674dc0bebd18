"""Which kinds of the catalogue, and which of their properties, files declare."""

# What files declare. The rest of a table, a column or a schema changes in revisions only.
DECLARED: dict[str, frozenset[str] | None] = {
    "default_privileges": None,
    "schema": frozenset({"acl"}),
    "function": None,
    "view": None,
    "sequence": frozenset({"acl"}),
    "trigger": None,
    "table": frozenset({"acl", "row_security", "force_row_security"}),
    "column": frozenset({"acl"}),
    "policy": None,
}

# Objects that come and go by files. The others are there or not by a revision.
COMES_AND_GOES = frozenset({"default_privileges", "function", "view", "trigger", "policy"})
