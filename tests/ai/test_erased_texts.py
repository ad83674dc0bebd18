"""Erasing a person from a text takes its vectors along: the text could be guessed from them."""

from typing import Any

from tests.ai.desk import stock
from tests.audit.trail import Office
from tests.crm.desk import Desk
from tests.erasure.person import EMAIL, NAME, PROSE, Agency, found_agency


def test_no_vector_is_left_of_a_text_that_an_erasure_changed(office: Office) -> None:
    agency: Agency = found_agency(office)
    shelf = stock(Desk(office, agency.owner))
    person = agency.contact(NAME, ("email", EMAIL))
    told = shelf.memory("agency", owner_id=agency.owner.membership_id, content=PROSE)
    note = shelf.document("note", owner_id=agency.owner.membership_id)
    shelf.run("update ai.chunks set content = %s where document_id = %s", PROSE, note)
    (chunk,) = shelf.run("select id, content_sha256 from ai.chunks where document_id = %s", note)
    about = shelf.memory("contact", person)
    kept = shelf.memories["contact"]
    assert shelf.vectors(memory_id=told) == shelf.vectors(chunk_id=chunk["id"]) == 1
    agency.erase(person)
    assert shelf.vectors(memory_id=told) == shelf.vectors(chunk_id=chunk["id"]) == 0
    assert shelf.vectors(memory_id=kept) == 1
    assert agency.row("ai.memories", about) == {}
    now = agency.row("ai.chunks", chunk["id"])
    assert EMAIL not in now["content"]
    assert now["content_sha256"] != chunk["content_sha256"]


def test_without_the_trigger_vectors_would_stay(office: Office, mutant: Any) -> None:
    agency = found_agency(office)
    shelf = stock(Desk(office, agency.owner))
    person = agency.contact(NAME, ("email", EMAIL))
    told = shelf.memory("agency", owner_id=agency.owner.membership_id, content=PROSE)
    switch_off = "alter table ai.memories disable trigger forget_vectors"
    mutant("trigger", "test_no_vector_is_left_of_a_text_that_an_erasure_changed", switch_off)
    shelf.run(switch_off)
    try:
        agency.erase(person)
        assert shelf.vectors(memory_id=told) == 1
    finally:
        shelf.run("alter table ai.memories enable trigger forget_vectors")
