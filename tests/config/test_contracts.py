"""The floors hold: what would bend them fails `make lint`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from config.environment import BASE_DIR

PACKAGES = ["audit", "config", "heleket", "payouts", "wallets"]
TOP, FLOORS, CIRCLES = (
    "Packages import downwards only",
    "The floors of payouts",
    "No circles among siblings",
)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the code, to be bent."""
    folder = tmp_path_factory.mktemp("floors")
    shutil.copy(BASE_DIR / "pyproject.toml", folder)
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "templates", "static")
        shutil.copytree(BASE_DIR / package, folder / package, ignore=ignored)
    return folder


def broken_contracts(project):
    """Return what `lint-imports` prints, and the names of the contracts that it calls broken."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = done.stdout.splitlines()
    broken = {line.removesuffix(" BROKEN") for line in lines if line.endswith(" BROKEN")}
    assert bool(done.returncode) == bool(broken or "layer" in lines[-1])
    return done.stdout, broken


PLANTED = {
    "an import upwards between packages": ("wallets/amounts.py", "import payouts.models", TOP),
    "an import upwards between floors": (
        "payouts/makers.py",
        "import payouts.admin.actions",
        FLOORS,
    ),
    "a circle among siblings": ("payouts/makers.py", "import payouts.operations", CIRCLES),
    "a circle in the sandbox": (
        "heleket/sandbox/merchant.py",
        "import heleket.sandbox.gateway",
        CIRCLES,
    ),
}


@pytest.mark.parametrize("kind", PLANTED)
def test_what_would_bend_the_floors_is_found(project, kind):
    place, line, contract = PLANTED[kind]
    path = project / place
    straight = path.read_text()
    try:
        path.write_text(f"{line}\n{straight}")
        assert contract in broken_contracts(project)[1]
    finally:
        path.write_text(straight)


def test_a_module_without_a_floor_is_found(project):
    astray = project / "payouts" / "astray.py"
    try:
        astray.write_text("")
        assert "payouts.astray" in broken_contracts(project)[0]
    finally:
        astray.unlink()


def test_the_floors_stand_as_they_are(project):
    assert broken_contracts(project)[1] == set()
