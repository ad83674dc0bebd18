"""How a run can end: each way has an exit code of its own, and one sentence.

| code | class | meaning | the database |
|---|---|---|---|
| 0 | | at the target, proved on a new connection | changed as asked |
| 1 | RevisionFailed | a statement of a revision is wrong | at the last revision that committed |
| 10 | BadSettings | no address, or a setting that cannot be read | untouched |
| 11 | Unreachable | nobody answers there | untouched |
| 12 | LoginRefused | somebody answers and refuses the login | untouched |
| 13 | NotWritable | a standby, or a session that is read-only | untouched |
| 14 | NotBootstrapped | roles, schemas or privileges are missing | untouched |
| 15 | WrongRole | a superuser, or a login that cannot become the owner | untouched |
| 16 | WrongFiles | revision files and manifest, or files and database, disagree | untouched |
| 17 | LockDeadline | another deploy kept the lock for too long | untouched by this run |
| 18 | GaveUp | still refused after all tries | at the last revision that committed |
| 19 | ProofFailed | ran to its end, but the database is not what it should be | look at it |
| 20 | NotSupported | a command that would break the record of what was applied | untouched |
| 21 | FilesFailed | `check` or `--autogenerate`: a file of sql/ or policies/ is wrong | untouched |
"""

from alembic.util import CommandError


class RunError(CommandError):
    """A run that ended; the message is for the person who started it and holds no secret."""

    exit_code = 1


class RevisionFailed(RunError):
    """A statement of a revision failed and would fail again."""


class BadSettings(RunError):
    """There is no address to connect to, or it or another setting cannot be read."""

    exit_code = 10


class Unreachable(RunError):
    """Nobody answers at the address."""

    exit_code = 11


class LoginRefused(RunError):
    """The server answers and does not let us in."""

    exit_code = 12


class NotWritable(RunError):
    """The server is a standby, or sessions there are read-only."""

    exit_code = 13


class NotBootstrapped(RunError):
    """What bootstrap makes is missing."""

    exit_code = 14


class WrongRole(RunError):
    """The login is one that must not run migrations."""

    exit_code = 15


class WrongFiles(RunError):
    """The revision files are not the ones that the manifest or the database knows."""

    exit_code = 16


class LockDeadline(RunError):
    """Another deploy holds the lock."""

    exit_code = 17


class GaveUp(RunError):
    """All tries were used up."""

    exit_code = 18


class ProofFailed(RunError):
    """The database is not what the run should have made of it."""

    exit_code = 19


class NotSupported(RunError):
    """The command is not one for this database."""

    exit_code = 20


class FilesFailed(RunError):
    """A file of sql/ or policies/ cannot be run, so it cannot be compared."""

    exit_code = 21


class LockLost(Exception):
    """The deploy lock is gone; not an end: the runner takes it again and looks where it is."""


class VersionLost(Exception):
    """The version moved back, as after a failover to a standby that had not received the commit."""
