"""Merkle trees as RFC 6962 hashes them, over any number of leaves in little memory.

Source: https://www.rfc-editor.org/rfc/rfc6962#section-2.1
"""

import hashlib


def leaf(record: bytes) -> bytes:
    return hashlib.sha256(b"\0" + record).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """Takes leaves one by one and keeps the roots of the whole trees so far, a handful."""

    def __init__(self) -> None:
        self.count = 0
        self._whole: list[tuple[int, bytes]] = []  # leaves and root, each at least twice the next

    def add(self, record: bytes) -> None:
        size, root = 1, leaf(record)
        while self._whole and self._whole[-1][0] == size:
            _same, left = self._whole.pop()
            size, root = 2 * size, node(left, root)
        self._whole.append((size, root))
        self.count += 1

    @property
    def root(self) -> str:
        roots = [root for _size, root in self._whole] or [hashlib.sha256().digest()]
        right = roots.pop()
        while roots:
            right = node(roots.pop(), right)
        return right.hex()
