"""Which strategy fits a goal's progress."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goals.decisions.trade_record import GrowthRecord
from goals.enums import ProgressBand
from strategies.decisions.selection import (
    STANCE_FOR_BAND,
    Candidate,
    explain_place,
    measure_fit,
    measure_posture,
    select_strategy,
)
from strategies.enums import Placing, RiskProfile, Stance

AGGRESSIVE, MODERATE, CONSERVATIVE = RiskProfile
TYPES = ["momentum", "breakout", "mean_reversion", "carry"]
growths = st.decimals(min_value=Decimal("-0.1"), max_value=Decimal("0.1"), places=3)
records = st.builds(
    GrowthRecord, trades=st.integers(0, 40), shrunk_mean=growths, upper=growths
)
candidates = st.builds(
    Candidate,
    strategy_id=st.text("abcdef_0123", min_size=1, max_size=6),
    strategy_type=st.sampled_from(TYPES),
    risk_profile=st.sampled_from(RiskProfile),
    record=records,
)
fields = st.lists(
    candidates, min_size=1, max_size=7, unique_by=lambda one: one.strategy_id
)
bands = st.sampled_from(ProgressBand)


def candidate(strategy_id="a", strategy_type="momentum", profile=MODERATE, **record):
    return Candidate(strategy_id, strategy_type, profile, GrowthRecord(**record))


def ranking(band, *competing):
    selection = select_strategy(band, competing)
    return [ranked.strategy_id for ranked in selection.ranking]


@pytest.mark.parametrize(
    ("band", "stance"),
    [
        (ProgressBand.BEHIND, Stance.AGGRESSIVE),
        (ProgressBand.ON_TRACK, Stance.BALANCED),
        (ProgressBand.NEAR_TARGET, Stance.CONSERVATIVE),
        (ProgressBand.ACHIEVED, Stance.CONSERVATIVE),
    ],
)
def test_each_band_wants_its_stance(band, stance):
    assert STANCE_FOR_BAND[band] is stance


@pytest.mark.parametrize(
    ("strategy_type", "profile", "posture"),
    [
        ("momentum", AGGRESSIVE, "1.5"),
        ("momentum", MODERATE, "1"),
        ("momentum", CONSERVATIVE, "0.5"),
        ("breakout", MODERATE, "1"),
        ("mean_reversion", AGGRESSIVE, "-0.5"),
        ("mean_reversion", MODERATE, "-1"),
        ("mean_reversion", CONSERVATIVE, "-1.5"),
        ("carry", AGGRESSIVE, "0.5"),
        ("carry", MODERATE, "0"),
        ("carry", CONSERVATIVE, "-0.5"),
    ],
)
def test_the_posture_is_the_type_shifted_by_the_risk_profile(
    strategy_type, profile, posture
):
    assert measure_posture(strategy_type, profile) == Decimal(posture)


@pytest.mark.parametrize(
    ("posture", "stance", "fit"),
    [
        ("1", Stance.AGGRESSIVE, "1"),
        ("0", Stance.AGGRESSIVE, "0.5"),
        ("-1", Stance.AGGRESSIVE, "0"),
        ("1.5", Stance.AGGRESSIVE, "0.75"),
        ("-1.5", Stance.AGGRESSIVE, "-0.25"),
        ("0", Stance.BALANCED, "1"),
        ("-0.5", Stance.BALANCED, "0.75"),
        ("-1", Stance.CONSERVATIVE, "1"),
    ],
)
def test_the_fit_falls_with_the_distance_of_posture_and_stance(posture, stance, fit):
    assert measure_fit(Decimal(posture), stance) == Decimal(fit)


@pytest.mark.parametrize(
    ("band", "chosen"),
    [
        (ProgressBand.BEHIND, "breakout"),
        (ProgressBand.ON_TRACK, "carry"),
        (ProgressBand.NEAR_TARGET, "mean_reversion"),
        (ProgressBand.ACHIEVED, "mean_reversion"),
    ],
)
def test_the_best_fit_is_chosen(band, chosen):
    competing = [candidate(kind, kind) for kind in TYPES]
    assert ranking(band, *competing)[0] == chosen


def test_a_balanced_stance_takes_the_profile_that_comes_nearest():
    competing = (
        candidate("a", "momentum", AGGRESSIVE),
        candidate("b", "breakout", MODERATE),
        candidate("c", "mean_reversion", AGGRESSIVE),
    )
    assert ranking(ProgressBand.ON_TRACK, *competing) == ["c", "b", "a"]


@given(bands, fields, st.randoms(use_true_random=False))
def test_the_order_of_the_candidates_does_not_matter(band, competing, random):
    shuffled = random.sample(competing, len(competing))
    assert select_strategy(band, tuple(shuffled)) == select_strategy(
        band, tuple(competing)
    )


@given(bands, fields)
def test_every_candidate_is_ranked_once(band, competing):
    answer = ranking(band, *competing)
    assert sorted(answer) == sorted(one.strategy_id for one in competing)


@given(bands, fields)
def test_ranks_count_from_one_and_the_first_is_selected(band, competing):
    selection = select_strategy(band, tuple(competing))
    ranks = [ranked.rank for ranked in selection.ranking]
    assert ranks == list(range(1, len(competing) + 1))
    assert selection.selected is selection.ranking[0]


@given(bands, fields)
def test_the_ranking_follows_its_own_figures(band, competing):
    figures = [
        (one.disproved, -one.fit, -one.mean_growth, one.strategy_id)
        for one in select_strategy(band, tuple(competing)).ranking
    ]
    assert figures == sorted(figures)


def test_a_disproved_strategy_ranks_behind_all_others():
    competing = (
        candidate("a", trades=20, upper=Decimal("-0.01")),
        candidate("b", "mean_reversion", CONSERVATIVE),
    )
    assert ranking(ProgressBand.BEHIND, *competing) == ["b", "a"]


def test_below_twenty_trades_nothing_is_disproved():
    competing = (
        candidate("a", trades=19, upper=Decimal("-0.01")),
        candidate("b", "mean_reversion"),
    )
    assert ranking(ProgressBand.BEHIND, *competing) == ["a", "b"]


@pytest.mark.parametrize(("trades", "first"), [(19, "a"), (20, "b")])
def test_the_mean_growth_counts_from_twenty_trades_on(trades, first):
    competing = (
        candidate("a"),
        candidate("b", trades=trades, shrunk_mean=Decimal("0.01")),
    )
    assert ranking(ProgressBand.BEHIND, *competing)[0] == first


def test_a_losing_record_ranks_behind_no_record():
    competing = (
        candidate("a", trades=20, shrunk_mean=Decimal("-0.01")),
        candidate("b"),
    )
    assert ranking(ProgressBand.BEHIND, *competing) == ["b", "a"]


def test_the_fit_comes_before_the_record():
    competing = (
        candidate("a", "carry", trades=50, shrunk_mean=Decimal("0.5")),
        candidate("b", "momentum"),
    )
    assert ranking(ProgressBand.BEHIND, *competing) == ["b", "a"]


def test_among_equals_the_first_name_decides_and_the_reason_says_so():
    selection = select_strategy(
        ProgressBand.BEHIND, (candidate("b", "breakout"), candidate("a"))
    )
    assert selection.reason == (
        "Below 30 % of the way an aggressive strategy is asked for; a (momentum, "
        "moderate) fits best with 1, tied with b: the first by name is taken."
    )


def test_the_reason_names_the_disproved():
    selection = select_strategy(
        ProgressBand.NEAR_TARGET,
        (candidate("a"), candidate("b", trades=30, upper=Decimal("-0.01"))),
    )
    assert selection.reason.endswith("ruled out by their record: b.")


def test_the_ranking_tells_the_figures_that_made_it():
    record = {"trades": 25, "shrunk_mean": Decimal("0.004")}
    only = select_strategy(
        ProgressBand.BEHIND, (candidate("a", "breakout", AGGRESSIVE, **record),)
    ).selected
    assert (only.posture, only.fit, only.closed_trades, only.mean_growth) == (
        Decimal("1.5"),
        Decimal("0.75"),
        25,
        Decimal("0.004"),
    )


def test_each_place_is_explained_by_the_first_figure_that_differs():
    grown = {"trades": 30, "shrunk_mean": Decimal("0.01"), "upper": Decimal("0.02")}
    selection = select_strategy(
        ProgressBand.BEHIND,
        (
            candidate("a", **grown),
            candidate("b", **grown),
            candidate("young"),
            candidate("careful", profile=CONSERVATIVE),
            candidate("lost", trades=30, upper=Decimal("-0.01")),
        ),
    )

    assert {
        one.strategy_id: explain_place(one, selection.selected)
        for one in selection.ranking
    } == {
        "a": Placing.CHOSEN,
        "b": Placing.LATER_NAME,
        "young": Placing.GREW_LESS,
        "careful": Placing.FITS_LESS,
        "lost": Placing.DISPROVED,
    }


def test_where_all_are_disproved_the_fit_explains():
    lost = {"trades": 30, "upper": Decimal("-0.01")}
    selection = select_strategy(
        ProgressBand.BEHIND,
        (candidate("a", **lost), candidate("b", "mean_reversion", **lost)),
    )

    assert explain_place(selection.ranking[1], selection.selected) is Placing.FITS_LESS
