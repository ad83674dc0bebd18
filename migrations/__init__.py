"""How the database changes: revisions, the runner that applies them, and the local server."""
