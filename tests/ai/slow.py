"""An embedder that takes its time, so that a worker can be killed in the middle of a batch."""

import time
from collections.abc import Sequence

from tests.clients.embedders import Embed, hashed

KEY = "test/slow@1536"
SECONDS_A_TEXT = 0.02


def embedder() -> Embed:
    """As `hashed`, slowly."""
    embed = hashed(1536, KEY)

    def slowly(texts: Sequence[str]) -> list[list[float]]:
        time.sleep(SECONDS_A_TEXT * len(texts))
        return embed(texts)

    return slowly
