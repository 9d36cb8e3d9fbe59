import resource, time, cProfile, pstats
from datetime import UTC, datetime, timedelta
import pytest
from goals.tests.factories import PortfolioFactory
from trades.importing.formats import ImportOptions
from trades.models import Trade, TradeFill
from trades.services.importing import import_trades
from trades.tests.factories import ensure_strategy
NOW = datetime(2026, 4, 20, tzinfo=UTC)
@pytest.mark.parametrize("kind", ["trips", "buys"])
def test_big(db, tmp_path, kind):
    n = 100_000
    path = tmp_path / "big.csv"
    with path.open("w") as f:
        f.write("\ufeffDate(UTC),Pair,Side,Price,Executed,Amount,Fee\n")
        t = datetime(2025, 1, 1)
        lines = []
        for i in range(n):
            at = t + timedelta(seconds=i // 3)
            if i % 50 == 0:
                lines.append(f"{at:%Y-%m-%d %H:%M:%S},BNBUSDT,BUY,{300 + i % 7}.5,0.1000000000BNB,{(300 + i % 7) * 0.1 + 0.05:.2f}USDT,0.0000750000BNB\n")
                continue
            side = "BUY" if kind == "buys" or (i // 7) % 2 == 0 else "SELL"
            q = "3" if side == "BUY" else "1"
            lines.append(f"{at:%Y-%m-%d %H:%M:%S},{'SOL' if i % 2 else 'ETH'}USDT,{side},{100 + i % 11}.0300000000,{q}.0000000000{'SOL' if i % 2 else 'ETH'},,0.0000{i % 9}0000BNB\n")
        f.writelines(reversed(lines))
    p = PortfolioFactory()
    ensure_strategy(p)
    r0 = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    s = time.time()
    prof = cProfile.Profile()
    with path.open("rb") as src:
        if kind == "trips": prof.enable()
        r = import_trades(user=p.user, portfolio=p.pk, source=src, file_name="f", format_name="binance-csv", now=NOW, options=ImportOptions(strategy_id=ensure_strategy(p).strategy_id), partial=True)
        prof.disable()
    print(r.created, r.refused, r.refusals[:3], time.time() - s, r0 // 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    if kind == "trips": pstats.Stats(prof).sort_stats("tottime").print_stats(25)
    print(Trade.objects.count())
    assert 0
