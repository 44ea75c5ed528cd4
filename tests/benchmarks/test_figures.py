import io
from xml.etree import ElementTree

import pytest
from rich.console import Console

from benchmarks import publish
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


def test_a_page_gets_the_figures_between_its_markers_and_keeps_the_rest():
    page = f"before\n{publish.BEGIN}\nstale\n{publish.END}\nafter"
    shown = publish.markdown([figure(0.25, 0.5, 0.75, at_least=0.33), figure(9)])

    page = publish.between_markers(page, shown)

    assert page.startswith(f"before\n{publish.BEGIN}\n| what |")
    assert page.endswith(f"{publish.END}\nafter")
    assert "stale" not in page
    row = "| webhooks | a view that only verifies | 0.50 | 0.25-0.75 | ≥ 0.33 | holds |"
    assert row in page
    assert "| webhooks | a view that only verifies | 9 | | | for comparison |" in page


def test_a_page_without_markers_is_left_alone():
    with pytest.raises(ValueError):  # noqa: PT011  # it is `split` that finds no marker
        publish.between_markers("no markers", "figures")


def test_the_published_page_has_its_markers():
    page = (publish.DOCS / "benchmarks.md").read_text()

    assert publish.between_markers(page, "figures").count("figures\n<!-- end") == 1


def test_the_picture_shows_the_figures_that_have_a_goal():
    shown = [
        figure(0.2, 0.25, 0.3, at_least=0.33),
        figure(2, 3, 4, at_most=4),
        figure(5),
        figure(0, at_most=0),
    ]

    root = ElementTree.fromstring(publish.picture(shown))

    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "0.25, goal ≥ 0.33: missed" in texts
    assert "3, goal ≤ 4: holds" in texts
    dots = [each.get("class") for each in root.iter("{http://www.w3.org/2000/svg}circle")]
    assert dots == ["bad", "good"]


def test_the_picture_keeps_a_figure_of_which_one_round_came_to_nothing():
    root = ElementTree.fromstring(publish.picture([figure(0, 0.66, 0.8, at_least=0.7)]))

    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "0.66, goal ≥ 0.7: within noise" in texts


def test_better_than_a_goal_is_above_one_whichever_way_it_points():
    assert figure(0.5, at_least=0.25).margins == [2]
    assert figure(2, at_most=6).margins == [3]
