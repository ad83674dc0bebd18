"""Where the database does other than the design says and a decision is awaited. Best empty.

The model lets these pass, so that the rest goes on being compared.
"""

# (table, column) -> why its target need not be readable for whoever points to it
LINKS_NOT_ASKED: dict[tuple[str, str], str] = {
    (table, column): (
        'schema.md 7.10: "an API role points a foreign key only to a row it can read"; yet '
        f"{table}.{column} takes a deleted team, which 2.4 shows to owners and admins only"
    )
    for table, column in (
        ("crm.companies", "team_id"),
        ("crm.contacts", "team_id"),
        ("crm.deals", "team_id"),
        ("crm.activities", "team_id"),
        ("crm.conversations", "team_id"),
        ("crm.calendar_events", "team_id"),
        ("tenancy.teams", "parent_team_id"),
    )
}
