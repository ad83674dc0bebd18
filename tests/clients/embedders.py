"""What makes vectors of texts, for whoever has no model at hand."""

import hashlib
import random
from collections.abc import Callable, Sequence

Embed = Callable[[Sequence[str]], list[list[float]]]


class Unavailable(Exception):
    """Whoever embeds cannot be reached, or asks for patience: no fault of the texts."""


def hashed(dims: int, salt: str = "") -> Embed:
    """An embedder that needs no model: the same text has the same vector, of length 1.

    Distances say nothing but whether two texts are equal.

    Args:
        dims: of the vectors.
        salt: another one makes other vectors, as another model does.
    """

    def embed(texts: Sequence[str]) -> list[list[float]]:
        return [_vector(f"{salt}\n{text}", dims) for text in texts]

    return embed


def _vector(text: str, dims: int) -> list[float]:
    numbers = random.Random(hashlib.sha256(text.encode()).digest())
    vector = [numbers.gauss(0, 1) for _ in range(dims)]
    length = sum(number * number for number in vector) ** 0.5
    return [number / length for number in vector]
