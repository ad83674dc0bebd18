"""custom holds what the definitions of the agency say, and nothing else."""

import json
from typing import Any

import psycopg
import pytest

from tests.audit.trail import Office
from tests.crm.desk import Desk


def define(desk: Desk, key: str = "size", kind: str = "text", **values: Any) -> None:
    """Define a field of contacts."""
    desk.insert(
        "crm.custom_field_defs",
        **{"entity": "contact", "key": key, "label": key, "data_type": kind, **values},
    )


def refused(desk: Desk, custom: dict[str, Any]) -> str | None:
    """The SQLSTATE with which a contact with these fields is refused."""
    return desk.refused(
        "insert into crm.contacts (full_name, custom) values ('Zoë', %s)", json.dumps(custom)
    )


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("text", ["", "شجرة"], [1, True, None, ["a"], {}]),
        ("number", [0, -1.5, 1e300], ["1", None]),
        ("boolean", [True, False], ["true", 0]),
        (
            "date",
            ["2024-02-29"],
            ["2023-02-29", "29.2.2024", "today", "2024-02-29T00:00Z", 20240229],
        ),
        (
            "timestamp",
            ["2024-02-29T12:00Z", "2024-02-29T12:00:59.5+05:30"],
            ["2024-02-29 12:00", "2024-02-29T12:00", "2024-02-30T12:00Z", "now", "2024-02-29"],
        ),
        ("url", ["https://a.test/x", "http://a.test"], ["a.test", "javascript:x", "https://a b"]),
        ("email", ["a@b.test"], ["A@b.test", "a", "a@b"]),
    ],
)
def test_a_value_is_of_its_type(desk: Desk, kind: str, good: list[Any], bad: list[Any]) -> None:
    define(desk, kind=kind)
    assert [one for one in good if refused(desk, {"size": one}) is not None] == []
    assert [one for one in bad if refused(desk, {"size": one}) != "23514"] == []


def test_a_choice_is_among_the_options(desk: Desk) -> None:
    define(desk, "one", "select", options=["s", "m"])
    define(desk, "many", "multi_select", options=["s", "m"])
    good: list[dict[str, Any]] = [{"one": "s"}, {"many": []}, {"many": ["m", "s"]}]
    bad: list[dict[str, Any]] = [
        {"one": "x"},
        {"one": ["s"]},
        {"many": "s"},
        {"many": ["x"]},
        {"many": ["s", "s"]},
    ]
    assert [one for one in good if refused(desk, one) is not None] == []
    assert [one for one in bad if refused(desk, one) != "23514"] == []


def test_an_unknown_key_is_refused_also_when_another_agency_has_it(
    desk: Desk, office: Office
) -> None:
    define(Desk(office, office.found(Desk.new_slug())))
    define(desk, entity="company")
    assert refused(desk, {"size": "m"}) == "23514"


def test_a_required_key_must_be_there(desk: Desk) -> None:
    person = desk.contact()
    define(desk, required=True)
    assert refused(desk, {}) == "23514"
    assert refused(desk, {"size": "m"}) is None
    # other columns of a record that was there before can still be changed
    desk.do("update crm.contacts set job_title = 'Gardener' where id = %s", person)
    change = "update crm.contacts set custom = %s where id = %s"
    desk.do(change, '{"size": "m"}', person)
    assert desk.refused(change, "{}", person) == "23514"


def test_an_archived_field_keeps_its_values_and_asks_for_none(desk: Desk) -> None:
    define(desk, required=True)
    person = desk.contact(custom={"size": "m"})
    desk.do("update crm.custom_field_defs set archived_at = now()")
    assert refused(desk, {}) is None
    desk.do('update crm.contacts set custom = custom || \'{"size": "s"}\' where id = %s', person)


@pytest.mark.parametrize("change", ["key = 'other'", "entity = 'deal'", "data_type = 'number'"])
def test_a_definition_keeps_what_values_rely_on(desk: Desk, change: str) -> None:
    define(desk)
    assert desk.refused(f"update crm.custom_field_defs set {change}") == "PT403"


def test_a_definition_is_never_deleted(desk: Desk) -> None:
    define(desk)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never deleted"):
        desk.office.serve(
            "delete from crm.custom_field_defs where agency_id = %s", desk.owner.agency_id
        )


@pytest.mark.parametrize(
    ("kind", "options"), [("select", "[]"), ("select", "[1]"), ("text", '["a"]'), ("select", "{}")]
)
def test_options_are_choices(desk: Desk, kind: str, options: str) -> None:
    assert (
        desk.refused(
            "insert into crm.custom_field_defs (entity, key, label, data_type, options)"
            " values ('contact', 'size', 'Size', %s, %s)",
            kind,
            options,
        )
        is not None
    )


def test_an_agent_writes_only_the_fields_that_are_open_to_agents(desk: Desk) -> None:
    define(desk, "open", agent_writable=True)
    define(desk, "closed")
    person = desk.contact(custom={"closed": "a"})
    robot = desk.office.hire(desk.owner)
    acting = desk.owner.claims(act={"user_id": str(robot.user_id)})
    change = "update crm.contacts set custom = %s where id = %s"
    desk.office.do(acting, change, '{"closed": "a", "open": "b"}', person)
    for custom in ('{"closed": "b", "open": "b"}', '{"open": "b"}'):
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="agents"):
            desk.office.do(acting, change, custom, person)


def test_a_lookup_is_of_the_right_list(desk: Desk) -> None:
    source = desk.insert("crm.lookup_values", kind="source", label="Fair")
    stage = desk.insert("crm.lookup_values", kind="lifecycle_stage", label="Lead")
    person = desk.contact(source_id=source, lifecycle_id=stage)
    assert (
        desk.refused("update crm.contacts set source_id = %s where id = %s", stage, person)
        == "23514"
    )
    assert (
        desk.refused("update crm.lookup_values set kind = 'industry' where id = %s", source)
        == "PT403"
    )
