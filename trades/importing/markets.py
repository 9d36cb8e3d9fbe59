"""Which coin a market trades, and which it is paid in: SOLUSDT is SOL in USDT. Pure."""

from trades.importing.numbers import read_amount

# What Binance quotes, or quoted, prices in.
QUOTED_IN = """
    AEUR ARS AUD BIDR BKRW BNB BRL BTC BUSD BVND COP CZK DAI DOGE DOT ETH EUR EURI
    FDUSD GBP GYEN IDRT JPY KZT MXN NGN PAX PLN RON RUB SOL TRX TRY TUSD U UAH USD
    USD1 USDC USDP USDS USDT UST UYU VAI XRP XUSD ZAR
"""
QUOTES = frozenset(QUOTED_IN.split())


def split_suffixed(pair: str, quantity: str, total: str) -> tuple[str, str] | None:
    """By the coins behind quantity and total: the pair is one after the other.

    A total without a coin may be in any quote there is. None where no way, or more
    than one, fits.
    """
    quantity, total = quantity.upper(), total.upper()
    is_bare = not total or read_amount(total) is not None
    found = [
        (pair[:place], pair[place:])
        for place in range(1, len(pair))
        if quantity.endswith(pair[:place])
        and (pair[place:] in QUOTES if is_bare else total.endswith(pair[place:]))
        and _is_number_of(quantity, pair[:place])
        and (is_bare or _is_number_of(total, pair[place:]))
    ]
    return found[0] if len(found) == 1 else None


def _is_number_of(text: str, coin: str) -> bool:
    return read_amount(text[: -len(coin)].strip()) is not None


def split_market(market: str, fee_coin: str = "") -> tuple[str, str] | None:
    """By the quotes there are, the longest first; None where none fits.

    A fee is mostly paid in one of the two coins, which then decides. Else a base that
    is a well-known coin itself does: BNBUSD is no BN in BUSD.
    """
    splits = [
        (market[: -len(quote)], quote)
        for quote in sorted(QUOTES, key=len, reverse=True)
        if market.endswith(quote) and len(market) > len(quote)
    ]
    by_fee = [split for split in splits if fee_coin and fee_coin in split]
    if len(by_fee) == 1:
        return by_fee[0]
    known = [split for split in splits if split[0] in QUOTES]
    if len(known) == 1:
        return known[0]
    return splits[0] if splits else None
