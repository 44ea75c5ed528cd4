import os
import pickle

import pytest

from tests.sim.run import run


def pytest_addoption(parser):
    parser.addoption("--seed", type=int, help="repeat one seed of the simulation")


@pytest.fixture(autouse=True)
def _own_database(django_db_blocker):
    """Every run opens a database in memory for itself."""
    with django_db_blocker.unblock():
        yield


@pytest.fixture(scope="session")
def ran(tmp_path_factory):
    """Return what became of a seed. It is run once for all who ask, in whatever process."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "seeds"
    folder.mkdir(exist_ok=True)

    def ran(seed):
        kept = folder / str(seed)
        if not kept.exists():
            unfinished = folder / f"{seed}-{os.getpid()}"
            unfinished.write_bytes(pickle.dumps(run(seed)))
            unfinished.replace(kept)
        return pickle.loads(kept.read_bytes())

    return ran


def pytest_generate_tests(metafunc):
    if "block" in metafunc.fixturenames:
        seed = metafunc.config.getoption("seed", None)
        blocks = BLOCKS if seed is None else [range(seed, seed + 1)]
        ids = [f"{block.start}-{block.stop - 1}" for block in blocks]
        metafunc.parametrize("block", blocks, ids=ids)


def pytest_collection_modifyitems(config, items):
    """With `--seed` only that seed runs."""
    if config.getoption("seed", None) is not None:
        config.hook.pytest_deselected(items=[each for each in items if not is_of_a_seed(each)])
        items[:] = [each for each in items if is_of_a_seed(each)]


def is_of_a_seed(item):
    return "block" in getattr(item, "fixturenames", ())


SEEDS, IN_A_BLOCK = 150, 5
BLOCKS = [range(first, first + IN_A_BLOCK) for first in range(1, SEEDS + 1, IN_A_BLOCK)]
