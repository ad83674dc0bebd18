"""Where alembic enters: everything is decided in `migrations.runner`."""

from migrations.runner.run import run

run()
