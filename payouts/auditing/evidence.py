"""A sample as one file: the story of each payout to read and as data, and a manifest of it all."""

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from django.conf import settings
from django.template.loader import render_to_string

from audit.actor import Actor
from audit.version import VERSION
from payouts.admin import taken
from payouts.auditing import samples, story
from payouts.auditing.samples import Sample
from payouts.models import Payout

MANIFEST = "manifest.json"
IN_MEMORY = 10_000_000  # bytes; a larger one goes through a file
STYLE = Path(__file__).parent / "static" / "auditing" / "story.css"


def pack(
    drawn: Sample, actor: Actor, *, seed: str, size: int, population: Mapping[str, Any]
) -> IO[bytes]:
    """Return a zip of the sample, and seal in the desk's events who took what."""
    packed = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # closed by the response
    hashes: dict[str, str] = {}
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        for payout in drawn.payouts:
            for name, text in files_of(payout, actor):
                hashes[name] = add(archive, name, text)
        said = manifest(drawn, actor, hashes, seed=seed, size=size, population=population)
        sealed = add(archive, MANIFEST, taken.as_json(said))
    taken.log_export(
        "sample",
        actor,
        filters=taken.as_json(population).strip(),
        seed=seed,
        count=len(drawn.payouts),
        sums=taken.in_line(said["sums"]),
        population=drawn.count,
        fingerprint=drawn.fingerprint,
        sha256=sealed,
    )
    packed.seek(0)
    return packed


def add(archive: ZipFile, name: str, text: str) -> str:
    content = text.encode()
    archive.writestr(ZipInfo(name), content, ZIP_DEFLATED)
    return hashlib.sha256(content).hexdigest()


def files_of(payout: Payout, actor: Actor) -> Iterable[tuple[str, str]]:
    found = story.story_of(payout, actor.may)
    yield f"{payout}.html", as_page(found)
    yield f"{payout}.json", taken.as_json(story.as_data(found))


def as_page(found: story.Story) -> str:
    """Return the story as a page that needs nothing beside it."""
    context = {
        "story": found,
        "payout": found.payout,
        "style": STYLE.read_text(),
        "version": VERSION,
        "zone": settings.TIME_ZONE,
    }
    return render_to_string("auditing/evidence.html", context)


def manifest(
    drawn: Sample,
    actor: Actor,
    hashes: Mapping[str, str],
    *,
    seed: str,
    size: int,
    population: Mapping[str, Any],
) -> dict[str, Any]:
    ids = [payout.pk for payout in drawn.payouts]
    return taken.about(
        "sample",
        actor,
        filter={**population, "time_zone": settings.TIME_ZONE},
        population={
            "count": drawn.count,
            "sums": drawn.sums,
            "fingerprint": drawn.fingerprint,
        },
        rule=samples.RULE,
        seed=seed,
        asked_for=size,
        count=len(drawn.payouts),
        sums=samples.sums(Payout.objects.filter(pk__in=ids)),
        sample=[
            {"payout": str(each), "id": str(each.pk), "ticket": ticket}
            for each, ticket in drawn.rows
        ],
        files=dict(hashes),
    )
