import io

import pytest
from rich.console import Console

from benchmarks.figures import Figure, in_turn, ratios, table


def figure(*measured, **goal):
    return Figure("webhooks", "a view that only verifies", measured, **goal)


def test_contenders_are_measured_in_turn():
    order = []

    def measure(name, value):
        order.append(name)
        return value

    contenders = {"ours": lambda: measure("ours", 6.0), "floor": lambda: measure("floor", 2.0)}
    rounds = in_turn(contenders, 3)

    assert order == ["ours", "floor"] * 3
    assert ratios(rounds, "ours", "floor") == [3.0, 3.0, 3.0]


def test_a_ratio_is_taken_within_a_round():
    """A machine that slows down slows both: the ratio of the medians would be 3 here."""
    rounds = [{"a": 2, "b": 1}, {"a": 20, "b": 10}, {"a": 60, "b": 20}]

    assert ratios(rounds, "a", "b") == [2, 2, 3]


@pytest.mark.parametrize(
    ("measured", "goal", "verdict"),
    [
        ((0.2, 0.34, 0.9), {"at_least": 0.33}, "holds"),
        ((0.2, 0.31, 0.9), {"at_least": 0.33}, "within noise"),
        ((0.2, 0.29, 0.9), {"at_least": 0.33}, "missed"),
        ((1, 4, 9), {"at_most": 4}, "holds"),
        ((1, 4.3, 9), {"at_most": 4}, "within noise"),
        ((1, 4.5, 9), {"at_most": 4}, "missed"),
        ((1, 4.5, 9), {}, "for comparison"),
    ],
)
def test_the_median_is_held_against_the_goal(measured, goal, verdict):
    assert figure(*measured, **goal).verdict == verdict


def test_the_table_shows_median_range_and_goal():
    console = Console(width=100, file=io.StringIO())
    console.print(table([figure(0.25, 0.5, 0.75, at_least=0.33)]))

    shown = console.file.getvalue()
    for cell in ("webhooks", "0.50", "0.25-0.75", "≥ 0.33", "holds"):
        assert cell in shown
