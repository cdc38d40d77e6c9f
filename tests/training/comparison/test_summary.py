"""Words for numbers: better, worse, or not told apart; and the answer in three sentences."""

from tests.training.comparison.outcomes import failed, finished, several, unfinished
from training.comparison.summary import answer, summarise

BASE = several("base", 0.950, 0.952, 0.951)


def verdicts(*outcomes: list) -> dict[str, str]:
    return {arm.label: arm.verdict for arm in summarise([one for each in outcomes for one in each])}


def test_words_for_differences() -> None:
    found = verdicts(
        BASE,
        several("high", 0.970, 0.972, 0.971),
        several("low", 0.931, 0.932, 0.930),
        several("near", 0.950, 0.954, 0.950),
    )
    assert found == {
        "base": "base",
        "high": "better",
        "low": "worse",
        "near": "not told apart by 3 seeds",
    }


def test_the_number_of_arms_is_paid_for() -> None:
    # p = 0.035 alone: better. With three times as many tests it is not enough.
    arm = several("arm", 0.954, 0.960, 0.957)
    (alone,) = [each for each in summarise([*BASE, *arm]) if each.label == "arm"]
    assert alone.p is not None
    assert 0.02 < alone.p < 0.05
    assert alone.verdict == "better"
    others = [several(f"arm {i}", 0.95, 0.96, 0.94) for i in range(2)]
    assert verdicts(BASE, arm, *others)["arm"] == "not told apart by 3 seeds"


def test_what_has_no_interval_is_said_in_words() -> None:
    assert verdicts([BASE[0]], [finished("arm", 0, 0.99)])["arm"] == "no interval from one seed"
    assert verdicts(BASE, [failed("arm", 0), unfinished("arm", 1)])["arm"] == "no finished run"
    found = verdicts([finished("base", 0, 0.9)], [finished("arm", 1, 0.99)])
    assert found["arm"] == "no seed in common with the base"
    found = verdicts([failed("base", 0)], [finished("arm", 0, 0.99)])
    assert found == {"base": "no finished run", "arm": "the base has no finished run"}


def test_memory_is_the_median_of_runs_that_all_tell_it() -> None:
    runs = [finished("arm", i, 0.9, peak_memory=memory) for i, memory in enumerate((5, 90, 7))]
    unknown = finished("arm", 3, 0.9)
    for outcomes, expected in ((runs, 7), ([*runs, failed("arm", 4)], 7), ([*runs, unknown], None)):
        (arm,) = summarise(outcomes)
        assert arm.peak_memory == expected


def test_failing_seeds_leave_the_others() -> None:
    arm = several("arm", 0.970, 0.972)
    (found,) = [each for each in summarise([*BASE, *arm, failed("arm", 2)]) if each.label == "arm"]
    assert found.accuracy is not None
    assert (found.accuracy.count, found.verdict) == (2, "better")


def test_the_answer_is_made_from_the_numbers() -> None:
    arms = summarise(
        [
            *several("ConvMixer", 0.950, 0.952, 0.951),
            *several("ViT", 0.931, 0.932, 0.930, multiply_adds=4_720_000),
            *several("gMLP", 0.950, 0.954, 0.950, multiply_adds=3_000_000),
            failed("ResMLP", 0),
        ]
    )
    assert answer(arms) == [
        "gMLP has the highest mean top-1 accuracy, 95.13 % ± 0.57 (3 seeds, 1,000 validation "
        "images each); compared with ConvMixer: not told apart by 3 seeds.",
        "Compared with ConvMixer, better: none; worse: ViT (-2.00 points); not told apart by 3 "
        "seeds: gMLP (+0.03 points); no finished run: ResMLP.",
        "Of the 3 arms, these have the highest mean for what they compute (million multiply-adds "
        "an image): ConvMixer (2.00), gMLP (3.00).",
    ]


def test_no_answer_without_runs() -> None:
    arms = summarise([failed("a", 0), unfinished("b", 0)])
    assert answer(arms) == ["No run is finished, so there is no answer yet."]
