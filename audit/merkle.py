"""Merkle trees as RFC 6962 hashes them, over any number of leaves in little memory.

Source: https://www.rfc-editor.org/rfc/rfc6962#section-2.1
"""

import hashlib
from typing import Self


def leaf(record: bytes) -> bytes:
    return hashlib.sha256(b"\0" + record).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """Takes leaves one by one. It keeps its peaks: the roots of the largest whole trees, each of
    more leaves than the next. From them it can be built on later."""

    def __init__(self) -> None:
        self.count = 0
        self._peaks: list[tuple[int, bytes]] = []  # leaves and root

    @classmethod
    def resumed(cls, peaks: str) -> Self:
        """Build on what `peaks` said of a tree."""
        tree = cls()
        for each in peaks.split():
            size, root = each.split(":")
            tree._peaks.append((int(size), bytes.fromhex(root)))
            tree.count += int(size)
        return tree

    def add(self, record: bytes) -> None:
        size, root = 1, leaf(record)
        while self._peaks and self._peaks[-1][0] == size:
            _same, left = self._peaks.pop()
            size, root = 2 * size, node(left, root)
        self._peaks.append((size, root))
        self.count += 1

    @property
    def peaks(self) -> str:
        return " ".join(f"{size}:{root.hex()}" for size, root in self._peaks)

    @property
    def root(self) -> str:
        roots = [root for _size, root in self._peaks] or [hashlib.sha256().digest()]
        right = roots.pop()
        while roots:
            right = node(roots.pop(), right)
        return right.hex()
