"""The strategy of the proof: an average crossed, sized by MasterTrade."""

import os

from freqtrade.strategy import IStrategy
from mastertrade_sizing import MasterTradeSizing
from pandas import DataFrame


class GoalSized(MasterTradeSizing, IStrategy):
    INTERFACE_VERSION = 3
    timeframe = "1d"
    startup_candle_count = 20
    minimal_roi = {"0": 10}
    stoploss = -0.2
    process_only_new_candles = True

    mastertrade_portfolio = "crypto"
    mastertrade_strategy_id = "goal_sized"
    mastertrade_fail_open = os.environ.get("FAIL_OPEN") == "1"

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe["average"] = dataframe["close"].rolling(20).mean()
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        above = dataframe["close"] > dataframe["average"]
        below_before = dataframe["close"].shift() <= dataframe["average"].shift()
        dataframe.loc[above & below_before, ["enter_long", "enter_tag"]] = (1, "cross")
        return dataframe

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe.loc[dataframe["close"] < dataframe["average"], "exit_long"] = 1
        return dataframe
