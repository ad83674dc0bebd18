"""Bootstrap: what a superuser prepares once per database, before any revision can run.

The SQL is plain and lives in `sql/bootstrap/`; this package only runs it in order and asks what is
missing.
"""

from migrations.bootstrap.apply import BootstrapError, apply, apply_post_service, missing

__all__ = ["BootstrapError", "apply", "apply_post_service", "missing"]
