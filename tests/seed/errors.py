"""Why nothing was written, or why what was written cannot be used."""


class SeedError(RuntimeError):
    """The message is one sentence for the person at the keyboard."""
