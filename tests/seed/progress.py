"""How far it is: a bar on a terminal, else a line for each agency."""

import sys
import time
from dataclasses import dataclass, field
from typing import TextIO

WIDTH = 30


@dataclass
class Progress:
    """Rows written, of all that are to be."""

    total: int
    to: TextIO = field(default_factory=lambda: sys.stderr)
    _done: int = 0

    def __post_init__(self) -> None:
        """Start the clock."""
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._begun

    def written(self, rows: int) -> None:
        """So many rows of the agency at hand are written."""
        if self.to.isatty():
            done = self._done + rows
            filled = WIDTH * done // self.total
            bar = "█" * filled + "░" * (WIDTH - filled)
            speed = done / max(self.seconds, 0.001)
            self.to.write(
                f"\r{bar} {100 * done // self.total:3d} %  {done:,} rows  {speed:,.0f}/s\x1b[K"
            )
            self.to.flush()

    def finished(self, agency: str, rows: int) -> None:
        """An agency is committed."""
        self._done += rows
        if self.to.isatty():
            self.written(0)
        else:
            print(f"{agency}: {rows:,} rows ({self.seconds:.1f} s so far)", file=self.to)

    def end(self) -> None:
        """Leave the line of the bar."""
        if self.to.isatty():
            self.to.write("\n")
