"""Cuts a text into pieces that a model can take in one go."""

import re
from collections.abc import Iterator

# what is no word of any language is cut after 100 characters
WORD = re.compile(r"\S{1,100}")
GAP = re.compile(r"\s{3,}")


def pieces(text: str, size: int = 200, overlap: int = 20) -> Iterator[tuple[str, int]]:
    """The text in pieces of some words, each with how many they are; nothing for an empty text.

    A piece ends at the end of a paragraph or sentence when there is one in its second half. The
    next one repeats the last words, so that what is said across a border is found.

    Args:
        text: anything.
        size: words of a piece; a word is one to two tokens of most models.
        overlap: words that two pieces share; less than half of `size`.
    """
    text = GAP.sub("\n\n", text)
    words = [(word.start(), word.end()) for word in WORD.finditer(text)]
    first = 0
    while first < len(words):
        last = min(first + size, len(words))
        if last < len(words):
            last = _border(text, words, first + size // 2, last)
        yield text[words[first][0] : words[last - 1][1]], last - first
        if last == len(words):
            return
        first = last - overlap


def _border(text: str, words: list[tuple[int, int]], lowest: int, highest: int) -> int:
    """Behind the last word of a paragraph, else of a sentence, else of the piece."""
    for is_paragraph in (True, False):
        for last in range(highest, lowest, -1):
            end, then = words[last - 1][1], words[last][0]
            if ("\n\n" in text[end:then]) if is_paragraph else (text[end - 1] in ".!?"):
                return last
    return highest
