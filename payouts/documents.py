"""Files that people add, kept outside the database and the web root, each under its hash.

A file is on disk before the row that names it is committed; one that no row names does no harm. The
same bytes are kept once.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings

from audit.refusals import Refused
from payouts.codes import PayoutCode

MOST_MEGABYTES = 10
MOST_BYTES = MOST_MEGABYTES * 1024 * 1024


def keep(content: bytes) -> str:
    """Store a file, and return the hash that it is found by. Raises Refused."""
    if not content:
        raise Refused(PayoutCode.FILE_EMPTY)
    if len(content) > MOST_BYTES:
        raise Refused(PayoutCode.FILE_TOO_LARGE, most=MOST_MEGABYTES)
    sha256 = hashlib.sha256(content).hexdigest()
    path = path_of(sha256)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        with in_place(path) as file:
            file.write(content)
    return sha256


def keep_large(path: Path, sha256: str) -> None:
    """Store a file of the desk's own, of whatever size, under its hash."""
    kept = path_of(sha256)
    kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("rb") as file, in_place(kept) as copy:
        shutil.copyfileobj(file, copy)


@contextmanager
def in_place(path: Path) -> Iterator[IO[bytes]]:
    """Have the whole file there under its name, or nothing."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)  # for this user alone
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read(sha256: str) -> bytes:
    """Return a file, unless it is not what was added. Raises Refused."""
    try:
        content = path_of(sha256).read_bytes()
    except OSError as exc:
        raise Refused(PayoutCode.FILE_GONE) from exc
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Refused(PayoutCode.FILE_CHANGED)
    return content


def open_large(sha256: str) -> IO[bytes]:
    """Open a file that is read piece by piece, unless it is not what was stored. Raises Refused."""
    path = path_of(sha256)
    try:
        if sha256_of(path) != sha256:
            raise Refused(PayoutCode.FILE_CHANGED)
        return path.open("rb")
    except OSError as exc:
        raise Refused(PayoutCode.FILE_GONE) from exc


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def path_of(sha256: str) -> Path:
    return Path(settings.DOCUMENTS_FOLDER) / sha256[:2] / sha256
