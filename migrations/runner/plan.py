"""What a command is going to do, decided once.

`+1` means one more than now. Asked again after a failover, alembic would count from where the first
try got to. So the steps are taken from alembic once, and every later try runs what is left.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from alembic.runtime.migration import MigrationContext, MigrationStep, RevisionStep
from alembic.script import ScriptDirectory

from migrations.runner.checksum import NAME, digest, read_manifest
from migrations.runner.errors import NotSupported, ProofFailed, WrongFiles

Heads = Sequence[str]
Command = Callable[[Heads, MigrationContext], Iterable[MigrationStep]]


@dataclass(frozen=True)
class Plan:
    """The steps of a command, and the version before and after each of them.

    Attributes:
        steps: in the order in which they run.
        versions: one more than steps; None stands for the empty history.
    """

    steps: tuple[RevisionStep, ...]
    versions: tuple[str | None, ...]

    @property
    def target(self) -> str | None:
        """The version at the end."""
        return self.versions[-1]

    def position(self, version: str | None) -> int:
        """How many steps are done at a version.

        Raises:
            ProofFailed: the version is none that this run passes through.
        """
        if version not in self.versions:
            raise ProofFailed(
                f"The database is at {version or 'base'}, where this run never was: somebody else "
                "moved it, look at `alembic current` and start again."
            )
        return self.versions.index(version)

    def remaining(self, version: str | None) -> tuple[RevisionStep, ...]:
        """The steps that are left at a version."""
        return self.steps[self.position(version) :]


def make_plan(
    script: ScriptDirectory, command: Command, heads: Heads, context: MigrationContext
) -> Plan:
    """Ask alembic for the steps of its command, from where the database is.

    Args:
        script: the revisions.
        command: the function that alembic gave the environment.
        heads: what the version table holds.
        context: handed on to the command.

    Raises:
        WrongFiles: the files are not the ones the manifest or the database knows.
        NotSupported: the history has branches, or the command stamps.
        CommandError: alembic cannot find the target.
    """
    version = only_version(heads)
    known = {revision.revision for revision in script.walk_revisions()}
    if version is not None and version not in known:
        raise WrongFiles(
            f"The database is at revision {version}, which is not among these files: deploy from "
            "the checkout that made it, or a later one (nothing was changed)."
        )
    if len(script.get_heads()) > 1:
        raise NotSupported(
            f"The history has several heads ({', '.join(script.get_heads())}): put one after the "
            "other, here revisions form a line (nothing was changed)."
        )
    steps = []
    for step in command(heads, context):
        if not isinstance(step, RevisionStep):
            raise NotSupported(
                "stamp would claim revisions that nobody applied, and no hash would prove them: "
                "use upgrade or downgrade (nothing was changed)."
            )
        steps.append(step)
    check_files(steps)
    versions = [version, *(only_version(step.to_revisions_no_deps) for step in steps)]
    return Plan(tuple(steps), tuple(versions))


def only_version(heads: Heads) -> str | None:
    """The one version of a history that is a line; None when it is empty."""
    if len(heads) > 1:
        raise NotSupported(f"There are several versions at once ({', '.join(heads)}).")
    return heads[0] if heads else None


def check_files(steps: Iterable[RevisionStep]) -> None:
    """Compare the files of the steps with the manifest.

    Raises:
        WrongFiles: one was edited, or is not in the manifest.
    """
    for step in steps:
        path = step.revision._script_path
        recorded = read_manifest(path.parent).get(path.name)
        if recorded != digest(path):
            what = "is not in" if recorded is None else "differs from"
            raise WrongFiles(
                f"{path.name} {what} {NAME}: restore it, or when it was never released run "
                "`python -m migrations.runner.checksum --write` (nothing was changed)."
            )
