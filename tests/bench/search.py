"""How long a search takes, as a ratio to the same search without row-level security.

`python -m tests.bench.search [ROWS]`: so many contacts, addresses and messages (100 000 unless
told) in each of two agencies, in a server of its own. Three ways are asked in turn, as each person:
the function; the same condition as plain SQL by a superuser, with the agency as a constant; and as
plain SQL through the policies, which cannot use the indexes. Printed are the medians of the ratios
to the superuser's, with their quartiles, and the superuser's time to know what 1 means.
"""

import statistics
import sys
import time

import psycopg

from tests.database import Cluster, private_server
from tests.policies.town import AGENCIES, MEMBERSHIPS, Stage, Town

RUNS = 15
ROWS = 100_000
PEOPLE = ("ann", "max", "mel")

FIRST = "{Zoë,Bob,Ann,Carla,Jürgen,Mehmet,Olga,Pia,Ravi,Sven,Tom,Ulla,Vera,Wim,Xaver,Yara}"
LAST = "{Müller,Schmidt,Ferrari,Nowak,Garcia,Silva,Jansen,Dubois,Kowalski,Novák,Smith}"
FILL = (
    """
    insert into crm.contacts (agency_id, id, full_name, job_title, owner_id)
    select %(agency)s::uuid, md5(%(agency)s::text || i)::uuid,
           (%(first)s::text[])[1 + i %% 16] || ' ' || (%(last)s::text[])[1 + i / 16 %% 11] || ' '
           || left(md5(i::text), 6),
           case when i %% 1000 = 0 then 'Head of Gardens' end,
           (%(members)s::uuid[])[1 + i %% 7]
      from generate_series(1, %(rows)s) as i
    """,
    """
    insert into crm.contact_points (agency_id, contact_id, kind, value)
    select %(agency)s::uuid, md5(%(agency)s::text || i)::uuid, 'email',
           left(md5(i::text), 12) || '@x.test'
      from generate_series(1, %(rows)s) as i
    """,
    """
    insert into crm.conversations (agency_id, id, channel, visibility, owner_id)
    select %(agency)s::uuid, md5('talk' || %(agency)s::text || i)::uuid, 'email', 'agency',
           (%(members)s::uuid[])[1 + i %% 7]
      from generate_series(1, %(rows)s / 10) as i
    """,
    """
    insert into crm.messages (agency_id, conversation_id, direction, status, body_text)
    select %(agency)s::uuid,
           md5('talk' || %(agency)s::text || (1 + i %% (%(rows)s / 10))::text)::uuid,
           'inbound', 'received', 'about ' || md5(i::text) || ' and ' || md5((i %% 500)::text)
      from generate_series(1, %(rows)s) as i
    """,
)

NAME = (
    "lower(regexp_replace(normalize(r.full_name, nfd),"
    r" '[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f]', '', 'g'))"
)
CONTACTS = f"""
    select r.*
      from crm.contacts as r
     where r.deleted_at is null
       and r.agency_id = %(agency)s
       and (
           r.search @@ app.search_words(%(typed)s)
           or {NAME} like app.search_pattern(app.search_text(%(typed)s))
           or app.search_text(%(typed)s) operator(extensions.<%%) {NAME}
           or r.id = any(array(
               select p.contact_id
                 from crm.contact_points as p
                where p.agency_id = %(agency)s
                  and p.deleted_at is null
                  and p.value_norm like app.search_pattern(lower(%(typed)s))
           ))
       )
     order by extensions.similarity(app.search_text(%(typed)s), {NAME}) desc, r.id desc
     limit 50
"""
MESSAGES = """
    select r.*
      from crm.messages as r
     where r.deleted_at is null
       and r.agency_id = %(agency)s
       and r.search @@ app.search_words(%(typed)s)
     order by r.sent_at desc, r.id desc
     limit 50
"""
# what -> the function, what is typed, the same as plain SQL
SEARCHES = {
    "one in all": ("search_contacts", "c4ca42", CONTACTS),
    "an address": ("search_contacts", "c4ca4238a0b9@", CONTACTS),
    "first and last name": ("search_contacts", "zoe muller", CONTACTS),
    "a job title": ("search_contacts", "head of gard", CONTACTS),
    "a common last name": ("search_contacts", "schmidt", CONTACTS),
    "a rare word": ("search_messages", "c4ca4238a0b923820dcc509a6f75849b", MESSAGES),
    "a word of 200": ("search_messages", "cfcd208495d565ef66e7dff9f98764da", MESSAGES),
}


def fill(connection: psycopg.Connection[tuple[object, ...]], rows: int) -> None:
    """Write the records of both agencies, past the triggers."""
    connection.execute("set session_replication_role = replica")
    for agency in ("alpha", "beta"):
        members = [m.id for (name, _), m in MEMBERSHIPS.items() if name == agency][:7]
        for statement in FILL:
            connection.execute(
                statement.encode(),
                {
                    "agency": str(AGENCIES[agency].id),
                    "rows": rows,
                    "members": (members * 7)[:7],
                    "first": FIRST,
                    "last": LAST,
                },
            )
    connection.execute("vacuum analyze")


def seconds(stage: Stage, statement: str, values: dict[str, object]) -> float:
    """How long a statement takes, with its rows."""
    begun = time.perf_counter()
    stage.connection.execute(statement.encode(), values).fetchall()
    return time.perf_counter() - begun


def spread(ratios: list[float]) -> str:
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} ({low:.2f}-{high:.2f})"


def main() -> int:
    """Print the table."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    print("| search | who | without RLS, ms | function / that | plain SQL under RLS / that |")
    print("|---|---|---|---|---|")
    with private_server() as server, Cluster(server).migrated() as database:
        town = Town(database)
        with database.connect(autocommit=True) as connection:
            fill(connection, rows)
        with (
            town.stage() as people,
            database.connect(autocommit=True) as superuser,
        ):
            plain = Stage(superuser)
            for connection in (people.connection, superuser):
                # what is typed is a constant, as in a request
                connection.execute("set plan_cache_mode = force_custom_plan")
                connection.execute("set statement_timeout = 0")
            for name, (function, typed, condition) in SEARCHES.items():
                values: dict[str, object] = {"agency": AGENCIES["alpha"].id, "typed": typed}
                call = f"select * from app.{function}(%(typed)s)"
                for who in PEOPLE:
                    people.become(who)
                    without: list[float] = []
                    searched: list[float] = []
                    policed: list[float] = []
                    for run in range(RUNS + 2):
                        without.append(seconds(plain, condition, values))
                        searched.append(seconds(people, call, values) / without[-1])
                        if run < 5:
                            policed.append(seconds(people, condition, values) / without[-1])
                    print(
                        f"| {name} | {who} | {statistics.median(without[2:]) * 1000:.1f} |"
                        f" {spread(searched[2:])} | {spread(policed[2:])} |",
                        flush=True,
                    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
