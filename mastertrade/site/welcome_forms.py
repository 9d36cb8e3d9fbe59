"""The forms of the first steps; each calls the services that the API calls."""

from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.conf import settings

from goals.channels import CHANNELS
from goals.enums import ChannelKind
from goals.models import AlertChannel, ApiToken, Portfolio, User
from goals.projection.presets import PRESETS, find_preset
from goals.services.challenges import create_challenge
from goals.services.channel_keys import AddressUnreadable, decrypt
from goals.services.channels import LONGEST_ADDRESS, create_channel
from goals.services.portfolios import (
    is_used,
    record_cash_flow,
    update_portfolio,
)
from goals.services.sign_ins import issue_token
from mastertrade.db.transactions import atomic
from mastertrade.site.channel_form import offer_kinds
from mastertrade.site.forms import CallForm, compare_with_page, decimal_field
from mastertrade.site.import_choices import require_strategy
from mastertrade.values.money import MONEY, PERCENT
from trades.enums import JobKind
from trades.importing.formats import FORMATS
from trades.importing.formats.mapped import MAPPED
from trades.importing.recognising import HEAD_BYTES, recognise, refuse_unreadable
from trades.models import UserJob
from trades.services.jobs import create_job

LIMITS = ("hard_drawdown_pct", "daily_loss_limit_pct", "soft_drawdown_pct")
FORMAT_NAMES = {
    "binance-csv": "Binance, trade history (CSV)",
    "mastertrade-csv": "MasterTrade, CSV",
    "mastertrade-json": "MasterTrade, JSON",
    "ccxt-json": "Fills as ccxt gives them (JSON)",
    "freqtrade": "freqtrade's database (SQLite)",
}


class MoneyForm(CallForm):
    """What there is to trade with, and what of it may be lost.

    Of a portfolio that is used already, its currency and time zone are fixed, and
    money that comes later is a deposit.
    """

    field_names: ClassVar[dict[str, str]] = {"amount": "opening_balance"}

    opening_balance = decimal_field("I trade with", MONEY)
    currency = forms.CharField(
        label="Currency", max_length=10, help_text="Such as USD, EUR or USDT."
    )
    hard_drawdown_pct = decimal_field(
        "May be lost in total, in %",
        PERCENT,
        help_text="Below the peak. There trading halts until you resume it.",
    )
    daily_loss_limit_pct = decimal_field(
        "May be lost in a day, in %",
        PERCENT,
        required=False,
        help_text="There trading halts until the next day. Empty: no limit.",
    )
    soft_drawdown_pct = decimal_field(
        "No larger trades from, in %",
        PERCENT,
        help_text="Below the peak. From there no trade is larger than base.",
    )
    time_zone = forms.CharField(
        label="Time zone",
        max_length=64,
        help_text="Such as Europe/Vienna: its days and months begin there.",
        widget=forms.TextInput({"autocomplete": "off", "data-own-zone": ""}),
    )

    def __init__(self, data: Any = None, *, portfolio: Portfolio) -> None:
        self.portfolio = portfolio
        self.used = is_used(portfolio)
        names = ("currency", "time_zone", *LIMITS)
        initial = {name: getattr(portfolio, name) for name in names}
        if portfolio.opening_balance > 0:
            initial["opening_balance"] = portfolio.opening_balance
        if portfolio.time_zone == "UTC":
            initial["time_zone"] = portfolio.user.time_zone
        super().__init__(data, initial=initial, prefix="money")
        if self.used:
            del self.fields["currency"], self.fields["time_zone"]
            if portfolio.units > 0:
                del self.fields["opening_balance"]
        compare_with_page(self)

    def clean_opening_balance(self) -> Any:
        amount = self.cleaned_data["opening_balance"]
        if amount <= 0:
            raise forms.ValidationError("Must be above 0.")
        return amount

    def clean_currency(self) -> str:
        return str(self.cleaned_data["currency"]).upper()

    def save(self, now: datetime) -> Portfolio | None:
        return self.call(self._save, now=now) if self.is_valid() else None

    @atomic
    def _save(self, now: datetime) -> Portfolio:
        user, key = self.portfolio.user, self.portfolio.pk
        unchanged = {*LIMITS} - {*self.changed_data}
        given = {
            name: value
            for name, value in self.cleaned_data.items()
            if name not in unchanged
        }
        if self.used and "opening_balance" in given:
            amount = given.pop("opening_balance")
            record_cash_flow(user=user, portfolio=key, amount=amount, now=now)
        saved = update_portfolio(user=user, portfolio_id=key, now=now, **given)
        if "time_zone" in given:  # pages show times there, unless the user chose
            mine = User.objects.filter(pk=user.pk, time_zone="UTC")
            mine.update(time_zone=saved.time_zone)
        return saved


class ChallengeForm(CallForm):
    """A firm's challenge: its money, its limits and its goal at once."""

    field_names: ClassVar[dict[str, str]] = {"name": "preset"}

    preset = forms.ChoiceField(
        label="Rules of", choices=[(name, find_preset(name).name) for name in PRESETS]
    )

    def __init__(self, data: Any = None, *, user: User) -> None:
        self.user = user
        super().__init__(data, prefix="challenge")

    def save(self, now: datetime) -> Portfolio | None:
        if not self.is_valid():
            return None
        preset = self.cleaned_data["preset"]
        return self.call(
            create_challenge, user=self.user, name=preset, preset=preset, now=now
        )


class ImportForm(CallForm):
    """A file of trades, imported by the worker."""

    field_names: ClassVar[dict[str, str]] = {"portfolio": "file"}

    file = forms.FileField(label="File", error_messages={"empty": "The file is empty."})
    format = forms.ChoiceField(
        label="Format",
        required=False,
        choices=[("", "Recognise it"), *FORMAT_NAMES.items()],
    )
    strategy_id = forms.CharField(
        label="Strategy of trades that name none",
        max_length=100,
        initial="manual",
        help_text="Made where you have none of that name.",
    )
    partial = forms.BooleanField(
        label="Import the other rows where some are refused", required=False
    )

    def __init__(
        self, data: Any = None, files: Any = None, *, portfolio: Portfolio
    ) -> None:
        self.portfolio = portfolio
        super().__init__(data, files, prefix="import")

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        file = given.get("file")
        if file is not None and not given.get("format") and "format" not in self.errors:
            head = file.read(HEAD_BYTES)
            file.seek(0)
            looks_like = recognise(head)
            if looks_like in FORMATS:
                given["format"] = looks_like
            elif self.call(_require_text, head=head):
                known = f"It looks like {looks_like}. " if looks_like else ""
                self.add_error(
                    "format",
                    f"Is not recognised. {known}Choose what the file is, or import it "
                    "under Trades, where its columns are mapped by hand.",
                )
        return given

    def save(self, now: datetime) -> UserJob | None:
        if not self.is_valid():
            return None
        return self.call(self._save, now=now)

    @atomic
    def _save(self, now: datetime) -> UserJob:
        given, user = self.cleaned_data, self.portfolio.user
        require_strategy(self.portfolio, given["strategy_id"], now)
        asked = ("format", "strategy_id", "partial")
        return create_job(
            user=user,
            kind=JobKind.IMPORT,
            arguments={
                **{name: given[name] for name in asked},
                "portfolio": str(self.portfolio.pk),
                "file_name": given["file"].name,
            },
            files={"file": given["file"]},
            now=now,
        )


def _require_text(head: bytes) -> bool:
    refuse_unreadable(head, MAPPED.name)
    return True


class TokenForm(CallForm):
    name = forms.CharField(label="What it is for", max_length=100, initial="bot")

    def __init__(self, data: Any = None, *, user: User) -> None:
        self.user = user
        super().__init__(data, prefix="token")

    def save(self) -> tuple[ApiToken, str] | None:
        """The row, and the token, which cannot be read again."""
        if not self.is_valid():
            return None
        return self.call(issue_token, user=self.user, name=self.cleaned_data["name"])


class TestAlertForm(CallForm):
    """By e-mail; where this site sends none, by whatever else works."""

    __test__ = False  # no test of pytest's

    kind = forms.ChoiceField(label="How")
    address = forms.CharField(label="Send alerts to", max_length=LONGEST_ADDRESS)
    # That was made for a new webhook: it cannot be read again.
    secret: str | None = None

    def __init__(self, data: Any = None, *, user: User) -> None:
        self.user = user
        initial = {"address": user.email} if settings.HAS_MAIL else {}
        super().__init__(data, initial=initial, prefix="alert")
        if settings.HAS_MAIL:
            del self.fields["kind"]
            self.fields["address"].widget = forms.EmailInput({"autocomplete": "email"})
        else:
            offer_kinds(self)
            attrs = {"autocomplete": "off", "spellcheck": "false"}
            self.fields["address"].widget = forms.TextInput(attrs)

    def save(self, now: datetime) -> AlertChannel | None:
        """The channel of the address: a new one, unless the user has it."""
        if not self.is_valid():
            return None
        address = self.cleaned_data["address"]
        kind = ChannelKind(self.cleaned_data.get("kind", ChannelKind.EMAIL))
        shown = self.call(CHANNELS[kind].check, address=address)
        if shown is None:
            return None
        alike = AlertChannel.objects.filter(
            user=self.user, kind=kind, masked_address=shown
        )
        known = next((one for one in alike if _is_to(one, address)), None)
        if known is not None:
            return known
        made = self.call(
            create_channel, user=self.user, kind=kind, address=address, now=now
        )
        if made is None:
            return None
        channel, self.secret = made
        return channel


def _is_to(channel: AlertChannel, address: str) -> bool:
    try:
        return decrypt(channel.address) == address
    except AddressUnreadable:
        return False
