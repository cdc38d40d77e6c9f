"""Figures: what is drawn, and that arms can be told apart."""

import pytest

from tests.training.comparison.outcomes import failed, several
from training.comparison.figures import draw_figures
from training.comparison.speed import Speed
from training.comparison.summary import summarise
from training.study import Series


def test_a_hundred_arms_do_not_look_the_same() -> None:
    arms = summarise([one for i in range(60) for one in several(f"arm {i}", 0.9, 0.9 + i / 1000)])
    _, figure = draw_figures(arms)["accuracy-parameters"]
    lines = [container.lines[0] for container in figure.axes[0].containers]
    looks = {(line.get_color(), line.get_marker()) for line in lines}
    assert len(looks) == len(lines) == 60


def test_the_front_is_drawn() -> None:
    arms = summarise(
        [
            *several("small", 0.80, 0.81, multiply_adds=1_000_000),
            *several("beaten", 0.70, 0.71, multiply_adds=2_000_000),
            *several("large", 0.90, 0.91, multiply_adds=3_000_000),
        ]
    )
    speeds = {"small": Speed((1.0,), (1e6,)), "large": Speed((1.0,), (1e5, 3e5, 5e5))}
    _, figure = draw_figures(arms, speeds=speeds)["accuracy-time"]
    front = next(line for line in figure.axes[0].lines if line.get_color() == "#bdbdbd")
    assert list(front.get_xdata()) == pytest.approx([1.0, 1 / 0.3])
    _, figure = draw_figures(arms)["accuracy-multiply-adds"]
    front = next(line for line in figure.axes[0].lines if line.get_color() == "#bdbdbd")
    assert list(front.get_xdata()) == [1_000_000, 3_000_000]


def test_names_are_no_mathematics_and_hide_nothing() -> None:
    arms = summarise([*several("$\\alpha$", 0.8, 0.9), *several("_b", 0.8, 0.9)])
    _, figure = draw_figures(arms)["accuracy-parameters"]
    figure.canvas.draw()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [r"\$\alpha\$", " _b"]


def test_a_line_leaves_out_what_has_no_result() -> None:
    line = Series("depth", "model.arguments.depth", ("a", "b"))
    arms = summarise([*several("a", 0.8, 0.9), failed("b", 0)])
    _, figure = draw_figures(arms, [line])["accuracy-depth"]
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["1"]
    assert "accuracy-depth" not in draw_figures(summarise([failed("a", 0), failed("b", 0)]), [line])


def test_curves_of_seeds_that_ended_early_are_cut() -> None:
    arms = summarise([*several("a", 0.8, 0.9), *several("b", 0.7, 0.6)])
    short = arms[0].outcomes[0].measured
    assert short is not None
    object.__setattr__(short, "curve", (0.1,))
    _, figure = draw_figures(arms)["learning-curves"]
    assert [axes.get_title() for axes in figure.axes] == ["a", "b"]
