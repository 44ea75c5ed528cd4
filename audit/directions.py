"""Texts of people who write from right to left, within sentences that run from left to right."""

import unicodedata

FIRST_STRONG_ISOLATE, END_OF_ISOLATE = "\u2068", "\u2069"
FROM_RIGHT = {"R", "AL"}


def isolated(text: str) -> str:
    """Keep the direction of a text from what stands beside it; without it a number that follows an
    Arabic name is read from its end: 17-2041 instead of 2041-17."""
    if not any(unicodedata.bidirectional(each) in FROM_RIGHT for each in text):
        return text
    return f"{FIRST_STRONG_ISOLATE}{text}{END_OF_ISOLATE}"
