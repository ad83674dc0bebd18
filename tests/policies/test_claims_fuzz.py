"""Whatever stands in request.jwt.claims: never an error, and never a row too many.

What should be seen is decided by `oracle`, from the rules. A case costs one round trip; all run in
open transactions of the login `authenticator`, as behind PostgREST. The cases are the same in
every run.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from psycopg import Connection

from tests.policies.oracle import LONGEST, NOTHING, QUERY, Sight, expected, seen
from tests.policies.town import (
    AGENCIES,
    API_KEYS,
    IDENTITIES,
    ISSUERS,
    KRATOS,
    MEMBERSHIPS,
    OWN,
    TEAMS,
    USERS,
    Stage,
    Town,
    claims_of,
    team_id,
)

# All surroundings get cases of their own. Where every query of the functions starts parallel
# workers, a case costs twenty times as much.
CASES = {"plain": 4000, "legacy": 3200, "odd": 3200, "parallel": 250}
RAW_CASES = 2400

Pairs = list[tuple[str, Any]]


@dataclass(frozen=True)
class Literal:
    """Text that stands in the JSON as it is, whether or not it is JSON."""

    text: str


# --- the sessions -----------------------------------------------------------------------------

PARALLEL = {
    "parallel_setup_cost": "0",
    "parallel_tuple_cost": "0",
    "min_parallel_table_scan_size": "0",
    "max_parallel_workers_per_gather": "4",
}
LEGACY = {
    "request.jwt.claim.sub": str(USERS["bob"].id),
    "request.jwt.claim.role": "service_role",
    "request.jwt.claim.iss": OWN,
    "request.jwt.claim.user_id": str(USERS["bob"].id),
    "request.jwt.claim.agency_id": str(AGENCIES["beta"].id),
    "request.jwt": json.dumps(claims_of("bob", "beta")),
    "gardenos.seal": "0" * 64,
}
ODD = {
    "search_path": 'shadows, tenancy, app, pg_catalog, "$user"',
    "row_security": "on",
    "transform_null_equals": "on",
    "array_nulls": "off",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "datestyle": "German, DMY",
    "intervalstyle": "sql_standard",
    "timezone": "Pacific/Chatham",
    "standard_conforming_strings": "off",
    "escape_string_warning": "off",
    "quote_all_identifiers": "on",
    "plan_cache_mode": "force_generic_plan",
    "work_mem": "64kB",
    "enable_seqscan": "off",
    "enable_material": "off",
    "jit_above_cost": "-1",
    "default_transaction_isolation": "serializable",
}
SURROUNDINGS = {"plain": {}, "parallel": PARALLEL, "legacy": LEGACY, "odd": ODD}

# Functions and tables that would be met first if anything of ours were looked up by search_path.
SHADOWS = f"""
create schema shadows;
grant usage on schema shadows to public;
create function shadows.current_setting(text, boolean) returns text language sql
    as $$ select '{json.dumps(claims_of("bob", "beta"))}' $$;
create function shadows.agency_id() returns uuid language sql
    as $$ select '{AGENCIES["beta"].id}'::uuid $$;
create table shadows.memberships as select '{AGENCIES["beta"].id}'::uuid as agency_id;
create table shadows.users (id uuid, status text, kind text);
grant select on all tables in schema shadows to public;
"""


def surround(connection: Connection[Any], surroundings: str) -> None:
    """Open a transaction as role authenticated with these settings around the claims."""
    connection.execute("begin")
    around = dict(SURROUNDINGS[surroundings])
    if surroundings == "parallel":
        name = "debug_parallel_query"
        if connection.info.server_version < 160000:
            name = "force_parallel_mode"
        around[name] = "on"
    for name, value in around.items():
        connection.execute("select set_config(%s, %s, true)", (name, value))
    connection.execute("set local role authenticated")


@dataclass(frozen=True)
class Asked:
    """A session that can be asked what given claims show; an error leaves it usable."""

    connection: Connection[Any]
    surroundings: str

    @property
    def seed(self) -> int:
        """Other cases in each surroundings, the same in each run."""
        return list(SURROUNDINGS).index(self.surroundings)

    def sight(self, text: str) -> Sight:
        """What this text as claims shows; the setting is set by a statement of its own."""
        try:
            with self.connection.pipeline():
                self.connection.execute(
                    "select set_config('request.jwt.claims', %s, true)", (text,)
                )
                cursor = self.connection.execute(QUERY)
            row = cursor.fetchone()
        except psycopg.Error:
            self.connection.rollback()
            surround(self.connection, self.surroundings)
            raise
        assert row is not None
        return seen(row)


@pytest.fixture(scope="module")
def shadows(town: Town) -> Iterator[None]:
    with town.database.connect(autocommit=True) as connection:
        connection.execute(SHADOWS.encode())
        yield
        connection.execute("drop schema shadows cascade")


@pytest.fixture(scope="module", params=list(SURROUNDINGS))
def asked(town: Town, shadows: None, request: pytest.FixtureRequest) -> Iterator[Asked]:
    with town.database.connect("authenticator", autocommit=True) as connection:
        surround(connection, request.param)
        yield Asked(connection, request.param)
        connection.rollback()


# --- named cases ------------------------------------------------------------------------------

ANN = claims_of("ann")
GOOD = json.dumps(ANN)
BETA = str(AGENCIES["beta"].id)


def with_claim(key: str, value: object) -> str:
    return json.dumps(ANN | {key: value})


def with_literal(literal: str) -> str:
    """Ann's good claims with a further member, given as text."""
    return "{" + literal + "," + GOOD[1:]


FUZZ_SET = {
    "empty": "",
    "null": "null",
    "array": "[]",
    "string": '"x"',
    "number": "1",
    "boolean": "true",
    "open brace": "{",
    "empty object": "{}",
    "blank": "   ",
    "not JSON": "request.jwt.claims",
    "two objects": GOOD + GOOD,
    "trailing comma": GOOD[:-1] + ",}",
    "single quotes": GOOD.replace('"', "'"),
    "byte order mark": "\ufeff" + GOOD,
    "no-break space": "\u00a0" + GOOD,
    "array of claims": f"[{GOOD}]",
    "claims as a string": json.dumps(GOOD),
    "agency_id 'null'": with_claim("agency_id", "null"),
    "agency_id ''": with_claim("agency_id", ""),
    "agency_id null": with_claim("agency_id", None),
    "agency_id 1": with_claim("agency_id", 1),
    "agency_id {}": with_claim("agency_id", {}),
    "agency_id []": with_claim("agency_id", []),
    "agency_id in a list": with_claim("agency_id", [ANN["agency_id"]]),
    "agency_id true": with_claim("agency_id", True),
    "agency_id bad uuid": with_claim("agency_id", ANN["agency_id"][:-1]),
    "agency_id bad digit": with_claim("agency_id", ANN["agency_id"][:-1] + "g"),
    "agency_id in braces": with_claim("agency_id", "{" + ANN["agency_id"] + "}"),
    "agency_id without hyphens": with_claim("agency_id", ANN["agency_id"].replace("-", "")),
    "agency_id with a newline": with_claim("agency_id", ANN["agency_id"] + "\n"),
    "agency_id as urn": with_claim("agency_id", "urn:uuid:" + ANN["agency_id"]),
    "agency_id of another agency": with_claim("agency_id", BETA),
    "agency_id twice": GOOD[:-1] + f',"agency_id":"{BETA}"}}',
    "NUL in a value": with_literal(r'"a":"\u0000"'),
    "NUL in a key": with_literal(r'"\u0000":1'),
    "half a surrogate pair": with_literal(r'"a":"\ud800"'),
    "the other half": with_literal(r'"a":"\udc00"'),
    "surrogates the wrong way round": with_literal(r'"a":"\udc00\ud800"'),
    "exponent too large": with_literal('"a":1e1000000'),
    "exponent too small": with_literal('"a":1e-1000000'),
    "exponent beyond integers": with_literal('"a":1e99999999999999999999'),
    "one digit too many": with_literal('"a":1e131072'),
    "NaN": with_literal('"a":NaN'),
    "Infinity": with_literal('"a":-Infinity'),
    "leading zero": with_literal('"a":01'),
    "plus sign": with_literal('"a":+1'),
    "control character": with_literal('"a":"\x01"'),
    "bad escape": with_literal(r'"a":"\x41"'),
    "user_id of nobody": with_claim("user_id", "00000000-0000-7000-8000-000000000000"),
    "user_id null": with_claim("user_id", None),
    "user_id of a membership": with_claim("user_id", str(MEMBERSHIPS["alpha", "ann"].id)),
    "no issuer": json.dumps({key: value for key, value in ANN.items() if key != "iss"}),
    "issuer null": with_claim("iss", None),
    "issuer in a list": with_claim("iss", [OWN]),
    "issuer unlisted": with_claim("iss", "https://evil.example"),
    "issuer inactive": with_claim("iss", "https://retired.example"),
    "issuer in other case": with_claim("iss", OWN.upper()),
    "issuer with a slash": with_claim("iss", OWN + "/"),
    "issuer with a space": with_claim("iss", OWN + " "),
    "issuer that may not assert": with_claim("iss", KRATOS),
    "act null": with_claim("act", None),
    "act true": with_claim("act", True),
    "act ''": with_claim("act", ""),
    "act []": with_claim("act", []),
    "act {}": with_claim("act", {}),
    "act of a person": with_claim("act", {"user_id": str(USERS["mel"].id)}),
    "act of another agency": with_claim("act", {"user_id": str(USERS["bot-beta"].id)}),
    "act in a list": with_claim("act", [{"user_id": str(USERS["bot"].id)}]),
    "api_key_id null": with_claim("api_key_id", None),
    "api_key_id {}": with_claim("api_key_id", {}),
    "api_key_id of another agency": with_claim("api_key_id", str(API_KEYS["beta"].id)),
    "too long by a byte": " " * (LONGEST + 1 - len(GOOD)) + GOOD,
    "much too long": with_literal(f'"a":"{"x" * 1_000_000}"'),
    "8 kB of [": "[" * LONGEST,
    "100 000 [": "[" * 100_000,
    "100 000 pairs": "[" * 50_000 + "]" * 50_000,
    "deep objects": '{"a":' * 1300 + "1" + "}" * 1300,
    "a million {": '{"a":' * 200_000,
}

GOOD_SET = {
    "good": GOOD,
    "upper case uuids": json.dumps(
        ANN | {"user_id": ANN["user_id"].upper(), "agency_id": ANN["agency_id"].upper()}
    ),
    "white space": " \t\r\n" + json.dumps(ANN, indent=8) + " \n",
    "escaped": json.dumps({**ANN, "name": "Änn 🌻"}),
    "not escaped": json.dumps({**ANN, "name": "Änn 🌻"}, ensure_ascii=False),
    "escaped key": GOOD.replace('"user_id"', r'"\u0075ser_id"'),
    "forged twice, honest last": f'{{"agency_id":"{BETA}",' + GOOD[1:],
    "just short enough": " " * (LONGEST - len(GOOD)) + GOOD,
    "largest number": with_literal('"a":1e131071'),
    "smallest number": with_literal('"a":1e-16383'),
    "deep but valid": with_literal('"a":' + "[" * 900 + "]" * 900),
    "very deep but valid": with_literal('"a":' + "[" * 3900 + "]" * 3900),
    "forged metadata": json.dumps(
        ANN
        | {
            "user_metadata": {"agency_id": BETA, "agency_role": "owner"},
            "app_metadata": {"agency_id": BETA},
            "agency_role": "owner",
            "Agency_id": BETA,
            "agency_id ": BETA,
            "role": "service_role",
        }
    ),
}


@pytest.mark.parametrize("name", FUZZ_SET)
def test_none_of_the_fuzz_set_shows_an_agency_or_raises(asked: Asked, name: str) -> None:
    found = asked.sight(FUZZ_SET[name])
    assert (found.agency, found.memberships, found.agencies) == (None, frozenset(), frozenset())
    assert (found.teams, found.api_keys) == (0, frozenset())
    # a good user with a bad agency still sees the own user row, as without any agency
    assert found.user in {None, USERS["ann"].id}


@pytest.mark.parametrize("name", GOOD_SET)
def test_odd_but_valid_claims_show_their_own_agency(asked: Asked, name: str) -> None:
    assert asked.sight(GOOD_SET[name]) == expected(GOOD)


def test_the_oracle_agrees_with_the_named_cases() -> None:
    shallow = {name: text for name, text in GOOD_SET.items() if name != "very deep but valid"}
    assert {name: expected(text) for name, text in shallow.items()} == dict.fromkeys(
        shallow, expected(GOOD)
    )
    assert all(
        expected(text).agency is None
        for name, text in FUZZ_SET.items()
        if not name.startswith(("8 kB", "deep"))
    )
    assert expected(GOOD).agency == AGENCIES["alpha"].id
    assert len(expected(GOOD).memberships) == 16


def test_a_setting_that_was_never_set_shows_nothing(town: Town) -> None:
    with town.database.connect("authenticator", autocommit=True) as connection:
        with connection.transaction():
            connection.execute("set local role authenticated")
            assert connection.execute(QUERY).fetchone() == (*[None] * 6, 0, None)
        with connection.transaction():
            connection.execute("set local role authenticated")
            connection.execute("select set_config('request.jwt.claims', %s, true)", (GOOD,))
            row = connection.execute(QUERY).fetchone()
            assert row is not None
            assert seen(row) == expected(GOOD)
        # now it is '', not null
        with connection.transaction():
            connection.execute("set local role authenticated")
            row = connection.execute(QUERY).fetchone()
            assert row is not None
            assert seen(row) == NOTHING


def test_there_are_enough_cases() -> None:
    assert sum(CASES.values()) + RAW_CASES * len(SURROUNDINGS) >= 20_000


def test_only_an_object_is_read_as_claims(stage: Stage) -> None:
    for text in ("", "null", "[]", '"x"', "1", "true", "{", f"[{GOOD}]", json.dumps(GOOD)):
        stage.present(text)
        assert stage.value("select app.claims()") is None
    stage.present(GOOD)
    assert stage.value("select app.claims()") == ANN


def test_a_parallel_plan_is_really_tried(town: Town) -> None:
    """The settings of the parallel surroundings give a parallel plan where one is possible."""
    with town.database.connect("authenticator", autocommit=True) as connection:
        surround(connection, "parallel")
        plan = connection.execute("explain select count(*) from pg_catalog.pg_class").fetchall()
        connection.rollback()
    assert any("Gather" in line for (line,) in plan)


# --- structured claims ------------------------------------------------------------------------

IDS = sorted(
    {str(agency.id) for agency in AGENCIES.values()}
    | {str(user.id) for user in USERS.values()}
    | {str(membership.id) for membership in MEMBERSHIPS.values()}
    | {str(key.id) for key in API_KEYS.values()}
    | {str(team_id(name)) for name in TEAMS}
)
SUBJECTS = sorted({subject for _, subject in IDENTITIES})
KEYS = ["iss", "sub", "user_id", "agency_id", "act", "api_key_id", "role"]

SPELLINGS: list[Callable[[str], str]] = [
    str.upper,
    str.swapcase,
    lambda text: text.replace("-", ""),
    lambda text: "{" + text + "}",
    lambda text: "urn:uuid:" + text,
    lambda text: " " + text,
    lambda text: text + "\n",
    lambda text: text[:-1],
    lambda text: text + "0",
    lambda text: text.replace("-", "–"),
    lambda text: text[:8] + "\u200b" + text[8:],
    lambda text: text.translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")),
    lambda text: f'"{text}"',
    lambda text: text + "'; set role service_role; --",
]

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "null", "undefined", "true", "0", "*", "%", "service_role"]),
    texts,
    st.sampled_from(["1e400", "1e131072", r'"\u0000"', r'"\ud800"', "NaN", "-0"]).map(Literal),
)
junk = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(KEYS) | texts, inner, max_size=3),
    ),
    max_leaves=5,
)
ids = st.sampled_from(IDS)
spelled_ids = st.builds(lambda text, spell: spell(text), ids, st.sampled_from(SPELLINGS))
agents = st.sampled_from([user.name for user in USERS.values() if user.kind == "agent"])
actors: st.SearchStrategy[Any] = st.one_of(
    agents.map(lambda name: {"user_id": str(USERS[name].id)}),
    agents.map(lambda name: {"sub": f"x-{name}", "user_id": str(USERS[name].id)}),
    st.just({"iss": KRATOS, "sub": "machine:bot"}),
    st.sampled_from(SUBJECTS).map(lambda subject: {"iss": KRATOS, "sub": subject}),
    st.builds(
        lambda issuer, user: {"iss": issuer, "user_id": user}, st.sampled_from([*ISSUERS]), ids
    ),
    st.just({"user_id": str(USERS["bot"].id), "act": {"user_id": str(USERS["bot-paused"].id)}}),
    ids.map(lambda user: {"user_id": user}),
    junk,
)
values: st.SearchStrategy[Any] = st.one_of(
    ids,
    spelled_ids,
    st.sampled_from(SUBJECTS),
    st.sampled_from([*ISSUERS, "https://evil.example", OWN.upper(), OWN + "/"]),
    junk,
    ids.map(lambda text: [text]),
    ids.map(lambda text: {"id": text}),
)


def spelled_key(key: str) -> st.SearchStrategy[str]:
    return st.sampled_from([key.upper(), key.title(), key + " ", key + "\n", key[::-1], ""])


@st.composite
def honest(draw: st.DrawFn) -> Pairs:
    """The claims of a token that an issuer could have signed for a member of the town."""
    member = draw(st.sampled_from(sorted(MEMBERSHIPS)))
    if draw(st.booleans()):
        claims = claims_of(member[1], member[0])
    else:
        issuer, subject = draw(st.sampled_from(sorted(IDENTITIES)))
        claims = claims_of("ann", member[0], issuer=issuer, sub=subject)
        del claims["user_id"]
    if draw(st.integers(0, 3)) == 0:
        claims["act"] = draw(actors)
    if draw(st.integers(0, 3)) == 0:
        claims["api_key_id"] = str(draw(st.sampled_from(list(API_KEYS.values()))).id)
    return list(claims.items())


@st.composite
def mutated(draw: st.DrawFn) -> Pairs:
    """Honest claims, changed in up to three places."""
    pairs = draw(honest())
    for _ in range(draw(st.sampled_from([0, 1, 1, 1, 2, 3]))):
        change = draw(st.integers(0, 8))
        place = draw(st.integers(0, len(pairs) - 1)) if pairs else 0
        key, value = pairs[place] if pairs else ("agency_id", None)
        if change == 0:
            pairs = pairs[:place] + pairs[place + 1 :]
        elif change == 1:
            pairs = [*pairs[:place], (key, draw(junk)), *pairs[place + 1 :]]
        elif change == 2:
            pairs = [*pairs[:place], (key, draw(values)), *pairs[place + 1 :]]
        elif change == 3 and isinstance(value, str):
            spell = draw(st.sampled_from(SPELLINGS))
            pairs = [*pairs[:place], (key, spell(value)), *pairs[place + 1 :]]
        elif change == 4:
            pairs = [*pairs[:place], (draw(spelled_key(key)), value), *pairs[place + 1 :]]
        elif change == 5:
            pairs = [*pairs, (key, draw(values))]  # the same key twice: the last one counts
        elif change == 6:
            pairs = [*pairs, (draw(st.sampled_from(KEYS)), draw(values))]
        elif change == 7:
            pairs = [*pairs, ("act", draw(actors))]
        else:
            forged = draw(st.sampled_from(["user_metadata", "app_metadata", "claims", "link"]))
            pairs = [*pairs, (forged, {"agency_id": draw(ids), "user_id": draw(ids)})]
    return draw(st.permutations(pairs)) if draw(st.booleans()) else pairs


def to_json(value: Any, *, ascii_only: bool = True) -> str:
    """JSON text that may hold a key twice, and literals that are no JSON."""
    if isinstance(value, Literal):
        return value.text
    if isinstance(value, dict):
        return pairs_to_json(list(value.items()), ascii_only=ascii_only)
    if isinstance(value, list):
        return "[" + ",".join(to_json(item, ascii_only=ascii_only) for item in value) + "]"
    return json.dumps(value, ensure_ascii=ascii_only)


def pairs_to_json(pairs: Pairs, *, ascii_only: bool = True) -> str:
    return (
        "{"
        + ",".join(
            f"{json.dumps(key, ensure_ascii=ascii_only)}:{to_json(value, ascii_only=ascii_only)}"
            for key, value in pairs
        )
        + "}"
    )


FUZZING = settings(
    database=None,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass
class Tally:
    """How many cases saw an agency, only a user, nothing: too few of one would prove little."""

    agency: int = 0
    user: int = 0
    nothing: int = 0

    def count(self, sight: Sight) -> None:
        if sight.agency is not None:
            self.agency += 1
        elif sight.user is not None:
            self.user += 1
        else:
            self.nothing += 1


@pytest.mark.slow
def test_mutated_claims_show_what_the_rules_say(asked: Asked) -> None:
    tally = Tally()
    cases = CASES[asked.surroundings]

    @seed(asked.seed)
    @settings(FUZZING, max_examples=cases)
    @given(pairs=mutated(), ascii_only=st.booleans())
    def check(pairs: Pairs, ascii_only: bool) -> None:
        text = pairs_to_json(pairs, ascii_only=ascii_only)
        wanted = expected(text)
        tally.count(wanted)
        assert asked.sight(text) == wanted

    check()
    assert tally.agency + tally.user + tally.nothing >= cases
    assert tally.agency > cases / 10
    assert tally.user > cases / 20
    assert tally.nothing > cases / 10


# --- raw text ---------------------------------------------------------------------------------

FRAGMENTS = [
    *'{}[]",:',
    "null",
    "true",
    "-",
    "1",
    "1e400",
    "1e131072",
    "0.1e-16384",
    "\\",
    "\\u0000",
    "\\ud83c\\udf3b",
    "\\ud83c",
    "/* */",
    "\ufeff",
    "\u2028",
    "\x7f",
    '"iss"',
    '"user_id"',
    '"agency_id"',
    json.dumps(OWN),
    json.dumps(str(USERS["ann"].id)),
    json.dumps(str(AGENCIES["alpha"].id)),
    GOOD,
    GOOD[1:-1],
]


@st.composite
def edited(draw: st.DrawFn) -> str:
    """Good claims as text, with a piece removed, repeated or put in."""
    text = json.dumps(claims_of(*draw(st.sampled_from([("ann", "alpha"), ("bob", "beta")]))))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        piece = draw(st.one_of(st.just(""), st.sampled_from(FRAGMENTS), texts))
        text = draw(
            st.sampled_from(
                [text[:start] + piece + text[end:], text[:end] + piece + text[start:], text[:start]]
            )
        )
    return text


@st.composite
def near_the_limit(draw: st.DrawFn) -> str:
    """Good claims blown up to about 8 kB, in bytes of one, two, three or four."""
    letter = draw(st.sampled_from(["x", "ä", "€", "🌻", " ", "\\u00e4"]))
    head, tail = draw(
        st.sampled_from([("", GOOD), (GOOD, ""), (GOOD[:-1] + ',"x":"', '"}'), ('"', '"')])
    )
    filler = letter if head.endswith('"') else " "
    room = LONGEST + draw(st.integers(-4, 4)) - len((head + tail).encode())
    text = head + filler * (room // len(filler.encode())) + tail
    return text + " " * draw(st.integers(0, 3))


@st.composite
def nested(draw: st.DrawFn) -> str:
    """Brackets in brackets, closed or not, alone or beside good claims."""
    depth = draw(st.sampled_from([1, 2, 10, 100, 300]))
    opened, closed = draw(st.sampled_from([("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")]))
    core = draw(st.sampled_from(["1", GOOD, '"', "{}", ""]))
    body = opened * depth + core + closed * draw(st.sampled_from([depth, depth - 1, depth + 1, 0]))
    return draw(
        st.sampled_from([body, with_literal('"a":' + body), GOOD[:-1] + ',"a":' + body + "}"])
    )


raw = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0")),
    st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join),
    edited(),
    edited(),
    near_the_limit(),
    nested(),
    junk.map(to_json),
    st.integers(1, 8300).map(lambda count: "[" * count),
    st.integers(-20000, 140000).map(lambda power: with_literal(f'"a":1e{power}')),
)


@pytest.mark.slow
def test_raw_text_never_raises_and_shows_what_the_rules_say(asked: Asked) -> None:
    tally = Tally()

    @seed(asked.seed)
    @settings(FUZZING, max_examples=RAW_CASES)
    @given(text=raw)
    def check(text: str) -> None:
        bare_brackets = text and not text.strip("[")
        wanted = NOTHING if bare_brackets else expected(text)
        tally.count(wanted)
        assert asked.sight(text) == wanted

    check()
    assert tally.agency + tally.user + tally.nothing >= RAW_CASES
    assert tally.agency > RAW_CASES / 20


@pytest.mark.slow
def test_claims_that_never_were_json_are_refused_in_every_role(stage: Stage) -> None:
    """service_role sees all by right; anon has no door at all, whatever it claims."""
    stage.service()
    stage.connection.execute("select set_config('request.jwt.claims', '{', true)")
    assert stage.value("select app.agency_id()") is None
    stage.connection.execute("select set_config('role', 'anon', true)")
    with stage.refused("42501"):
        stage.run("select count(*) from tenancy.memberships")
    with stage.refused("42501"):
        stage.run("select app.agency_id()")
