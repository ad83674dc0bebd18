"""A PostgreSQL server of one's own, for a machine that has none."""

from migrations.embedded.server import EmbeddedError, Server, local_server

__all__ = ["EmbeddedError", "Server", "local_server"]
