"""squawk over the SQL of each revision, as psql would run it."""

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.script import Script, ScriptDirectory

from tests.database import ROOT, alembic_config
from tests.migrations.revisions import Revisions

WAIVER = re.compile(r"^\s*-- squawk-ignore\b.*$", re.MULTILINE)
REASONED = re.compile(r"\s*-- squawk-ignore [a-z-]+(, [a-z-]+)* -- \S.*")

# alembic's own table, which alembic decides on.
VERSION_TABLE = re.compile(r"^CREATE TABLE migration\.alembic_version \(.*?^\);$", re.M | re.S)


def history() -> list[Script]:
    """The revisions, oldest first."""
    scripts = ScriptDirectory.from_config(alembic_config("unused"))
    return list(reversed(list(scripts.walk_revisions())))


def sql_of(script: Script, versions: Path | None = None) -> str:
    """The SQL of one revision: `alembic upgrade PREVIOUS:REVISION --sql`."""
    config = alembic_config("unused", versions)
    config.output_buffer = io.StringIO()
    command.upgrade(config, f"{script.down_revision or 'base'}:{script.revision}", sql=True)
    return VERSION_TABLE.sub("", config.output_buffer.getvalue())


def squawk(text: str) -> list[str]:
    """What squawk finds, a line each."""
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("squawk")),
            f"--config={ROOT / '.squawk.toml'}",
            "--reporter=gcc",
            "--stdin-filepath=revision.sql",
        ],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line for line in done.stdout.splitlines() if line.startswith("revision.sql:")]
    assert done.returncode == (1 if found else 0), done.stderr
    return found


@pytest.mark.parametrize("script", history(), ids=lambda script: Path(script.path).stem)
def test_squawk(script: Script) -> None:
    text = sql_of(script)
    assert squawk(text) == []
    for waiver in WAIVER.findall(text):
        assert REASONED.fullmatch(waiver), f"a waiver needs a reason: {waiver.strip()} -- why"


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("create index i on crm.old (id)", "require-concurrent-index-creation"),
        ("alter table crm.old add constraint c check (id > 0)", "constraint-missing-not-valid"),
        ("alter table crm.old alter column id type bigint", "changing-column-type"),
        ("alter table crm.old alter column id set not null", "adding-not-nullable-field"),
        ("drop table crm.old", "ban-drop-table"),
        ("select wrong from", "syntax-error"),
    ],
)
def test_squawk_sees(revisions: Revisions, statement: str, rule: str) -> None:
    revisions.add("create table crm.old (id integer)")
    number = revisions.add(statement)
    scripts = ScriptDirectory.from_config(alembic_config("unused", revisions.versions))
    text = sql_of(scripts.get_revision(number), revisions.versions)
    assert any(f" {rule} " in line for line in squawk(text))
    waived = text.replace(statement, f"-- squawk-ignore {rule} -- why\n{statement}")
    if rule != "syntax-error":
        assert squawk(waived) == []
    assert all(REASONED.fullmatch(waiver) for waiver in WAIVER.findall(waived))
