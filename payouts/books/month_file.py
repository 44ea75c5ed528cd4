"""The file of a month."""

import hashlib
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import heleket
from payouts import documents
from payouts.gateway.accounts import GatewayAccount


@dataclass(frozen=True)
class Written:
    root: str
    sha256: str
    cut: Mapping[str, Any]
    counts: Mapping[str, int]


def write(
    month: date,
    path: Path,
    *,
    client: heleket.HeleketClient,  # noqa: ARG001
    account: GatewayAccount,  # noqa: ARG001
    show: Callable[[str], None],
) -> Written:
    show("events")
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(zipfile.ZipInfo("month.txt"), f"{month:%Y-%m}")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Written(root=sha256, sha256=sha256, cut={}, counts={})


def keep(path: Path, sha256: str) -> None:  # noqa: ARG001
    documents.keep(path.read_bytes())


def open_file(sha256: str) -> bytes:
    return documents.read(sha256)
