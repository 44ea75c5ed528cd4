"""Every lock has what its .in file asks for, with hashes, on each Python that the desk runs on."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "requirements"
LOCKS = sorted(path.stem for path in FOLDER.glob("*.in"))
PYTHONS = ["3.11", "3.12", "3.13"]
HASH = re.compile(r" +--hash=sha256:[0-9a-f]{64}( \\)?")


def asked(name):
    """Return what an .in file asks for, by the file that says so: itself or one it includes."""
    lines = (FOLDER / name).read_text().splitlines()
    found = {name: [Requirement(each) for each in lines if each and each[0] not in "#-"]}
    for each in lines:
        if each.startswith("-r "):
            found |= asked(each.removeprefix("-r "))
    return found


def locked(name):
    """Return the entries of a lock: a requirement, the lines of its hashes, and who wants it."""
    return [entry(*block.splitlines()) for block in re.split(r"\n(?=\S)", text_of(name))]


def entry(first, *rest):
    return SimpleNamespace(
        pin=Requirement(first.removesuffix(" \\")),
        hashes=[line for line in rest if not line.lstrip().startswith("#")],
        wanted_by={line.strip(" #").removeprefix("via ") for line in rest if "#" in line},
    )


def text_of(name):
    return (FOLDER / f"{name}.txt").read_text().strip()


def pins(name, python=None):
    """Return name and version of all that a lock installs, or of what it does on one Python."""
    return {
        (canonicalize_name(each.pin.name), str(each.pin.specifier).removeprefix("=="))
        for each in locked(name)
        if python is None or applies(each.pin, python)
    }


def applies(requirement, python):
    known = {"python_version": python, "python_full_version": f"{python}.9"}
    return requirement.marker is None or requirement.marker.evaluate(known)


def names(requirements):
    return {canonicalize_name(each.name) for each in requirements}


@pytest.mark.parametrize("name", LOCKS)
def test_every_line_of_a_lock_is_one_version_with_its_hashes_and_names_no_registry(name):
    for each in locked(name):
        assert re.fullmatch(r"==[\w.]+", str(each.pin.specifier)), each.pin
        assert each.hashes, each.pin
        assert all(HASH.fullmatch(line) for line in each.hashes), each.pin
    assert "://" not in text_of(name)


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_one_version_that_fits_of_whatever_is_asked_for(name, python):
    found = pins(name, python)
    versions = dict(found)
    assert len(versions) == len(found)
    for wanted in (each for some in asked(f"{name}.in").values() for each in some):
        if applies(wanted, python):
            assert wanted.specifier.contains(versions[canonicalize_name(wanted.name)]), wanted


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_nothing_that_is_not_asked_for_any_more(name):
    for file, wanted in asked(f"{name}.in").items():
        there = {each.pin for each in locked(name) if f"-r {file}" in each.wanted_by}
        assert names(there) == names(wanted), "edit the .in files, then run `make lock`"


@pytest.mark.parametrize("name", ["dev", "production"])
def test_tests_and_real_desks_run_what_the_demo_runs(name):
    assert pins("base") <= pins(name)


@pytest.mark.parametrize("file", ["Makefile", "docs/README.md", "docs/running.md"])
def test_nothing_is_installed_without_hashes(file):
    installs = re.findall(r"pip install .*", (ROOT / file).read_text())
    assert installs
    assert all("--require-hashes" in each for each in installs)
