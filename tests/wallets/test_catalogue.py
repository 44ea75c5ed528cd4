import json
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

import heleket
from heleket import RemoteService
from payouts.gateway.accounts import heleket_client
from payouts.gateway.management.commands.sync_services import describe
from tests.factories import PayoutMethodFactory
from wallets.coins import DECIMALS_ON_CHAIN, NETWORKS, UnknownCoin, decimals_of
from wallets.models import PayoutMethod
from wallets.services import sync_services

NOW = datetime(2026, 1, 2, tzinfo=UTC)
USDT = RemoteService(
    network="TRON",
    currency="USDT",
    is_available=True,
    min_amount=Decimal("0.50000000"),
    max_amount=Decimal("1000000.00000000"),
    fee_amount=Decimal("1.00000000"),
    percent=Decimal("0.25"),
)


@pytest.mark.parametrize(
    ("network", "currency", "decimals"),
    [
        ("tron", "USDT", 6),
        ("bsc", "USDT", 8),
        ("btc", "BTC", 8),
        ("ton", "TON", 8),
        ("sol", "SOL", 8),
        ("xmr", "XMR", 8),
        ("eth", "USDC", 6),
    ],
)
def test_d1_each_coin_has_its_decimals_but_never_more_than_we_store(network, currency, decimals):
    assert decimals_of(network, currency) == decimals


@pytest.mark.parametrize(("network", "currency"), [("tron", "BTC"), ("moon", "USDT"), ("tron", "")])
def test_d1_a_pair_we_do_not_know_is_refused(network, currency):
    with pytest.raises(UnknownCoin, match="not a coin this desk can pay"):
        decimals_of(network, currency)


def test_every_network_has_coins():
    assert set(DECIMALS_ON_CHAIN) == set(NETWORKS)


@pytest.mark.parametrize(
    ("amount", "fee"),
    [("100", "1.25000000"), ("0.00000002", "1.00000000"), ("0.000002", "1.00000001")],
)
def test_the_fee_comes_on_top_and_is_rounded_half_up(amount, fee):
    service = PayoutMethodFactory.build(fee_amount=1, percent=Decimal("0.25"))

    assert service.fee_for(Decimal(amount)) == Decimal(fee)
    assert service.debit_for(Decimal(amount)) == Decimal(amount) + Decimal(fee)


@pytest.mark.parametrize(
    ("amount", "refusal"),
    [
        ("0.49999999", "Heleket pays at least 0.5 USDT on TRON."),
        ("1000000.00000001", "Heleket pays at most 1,000,000 USDT on TRON."),
    ],
)
def test_amounts_outside_the_limits_are_refused_in_words(amount, refusal):
    assert PayoutMethodFactory.build().refusal_for(Decimal(amount)).sentence == refusal


def test_amounts_at_the_limits_are_paid():
    method = PayoutMethodFactory.build()

    assert method.refusal_for(Decimal("0.5")) is method.refusal_for(Decimal(1000000)) is None


def test_a_service_that_is_not_available_refuses_everything():
    service = PayoutMethodFactory.build(is_available=False)

    refusal = service.refusal_for(Decimal(1))
    assert refusal.sentence == "Heleket does not pay USDT on TRON at the moment."


@pytest.mark.django_db
def test_the_catalogue_takes_over_the_list():
    report = sync_services([USDT], now=NOW)

    service = PayoutMethod.objects.get()
    assert (service.network, service.currency) == ("tron", "USDT")
    assert (service.min_amount, service.percent) == (Decimal("0.5"), Decimal("0.25"))
    assert (service.is_available, service.synced_at) == (True, NOW)
    assert (report.listed, report.added, report.changed) == (1, 1, 0)


@pytest.mark.django_db
def test_a_changed_service_keeps_its_row():
    sync_services([USDT], now=NOW)
    before = PayoutMethod.objects.get()

    report = sync_services([replace(USDT, max_amount=Decimal(7), is_available=False)], now=NOW)

    after = PayoutMethod.objects.get()
    assert (after.pk, after.max_amount, after.is_available) == (before.pk, 7, False)
    assert (report.added, report.changed) == (0, 1)


@pytest.mark.django_db
def test_d9_a_service_that_leaves_the_list_becomes_unavailable():
    sync_services([USDT, replace(USDT, network="ETH")], now=NOW)

    report = sync_services([USDT], now=NOW)

    assert report.withdrawn == 1
    assert [s.network for s in PayoutMethod.objects.available()] == ["tron"]
    assert PayoutMethod.objects.count() == 2


@pytest.mark.django_db
def test_coins_we_do_not_know_are_kept_and_reported():
    report = sync_services([replace(USDT, currency="GRAM", network="TON")], now=NOW)

    assert report.unknown == ["GRAM on ton"]
    assert PayoutMethod.objects.get().currency == "GRAM"


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", ["NaN", "-1", "1E+30", "0.000000001"])
def test_a_service_with_an_amount_that_is_none_becomes_unavailable(wrong):
    sync_services([USDT], now=NOW)

    report = sync_services([replace(USDT, fee_amount=Decimal(wrong))], now=NOW)

    service = PayoutMethod.objects.get()
    assert (service.is_available, service.fee_amount) == (False, 1)
    assert report.unreadable[0].startswith("USDT on TRON: ")


ODD = {
    "NaN": {"min_amount": Decimal("NaN")},
    "infinite": {"max_amount": Decimal("Infinity")},
    "30 decimals": {"fee_amount": Decimal("0." + "1" * 30)},
    "30 digits": {"max_amount": Decimal("9" * 30)},
    "negative minimum": {"min_amount": Decimal(-1)},
    "negative maximum": {"max_amount": Decimal(-1)},
    "negative fee": {"fee_amount": Decimal("-0.1")},
    "negative percent": {"percent": Decimal(-3)},
    "minimum above the maximum": {"min_amount": Decimal(8), "max_amount": Decimal(7)},
    "currency of 17": {"currency": "U" * 17},
    "network of 33": {"network": "t" * 33},
    "no currency": {"currency": ""},
    "no network": {"network": ""},
    "blanks": {"currency": " "},
    "NUL": {"currency": "US\x00DT"},
    "unseen": {"currency": "USDT\u200b"},
    "Cyrillic": {"currency": "U\u0405DT"},
    "markup": {"network": "<b>tron</b>"},
    "two lines": {"network": "tron\neth"},
    "dotless i": {"currency": "\u0131"},
    "lone surrogate": {"currency": "\ud800"},
    "in other case": {"network": "Tron", "currency": "usdt", "percent": Decimal(9)},
}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ODD)
def test_g34_an_odd_entry_is_named_and_left_out_and_the_others_are_taken(kind):
    odd = replace(replace(USDT, network="bsc"), **ODD[kind])
    others = [USDT, replace(USDT, network="eth")]

    report = sync_services([USDT, odd, others[1]], now=NOW)

    taken = {(row.network, row.currency, row.percent) for row in PayoutMethod.objects.all()}
    assert taken == {("tron", "USDT", Decimal("0.25")), ("eth", "USDT", Decimal("0.25"))}
    [named] = report.unreadable
    assert named.isprintable()
    assert report.listed == 2
    assert len(describe(report).splitlines()) == 2


@pytest.mark.django_db
def test_g34_all_odd_entries_at_once_leave_the_good_ones():
    sync_services([replace(USDT, network="bsc")], now=NOW)
    odd = [replace(replace(USDT, network="bsc"), **change) for change in ODD.values()]

    report = sync_services([USDT, *odd], now=NOW, odd=["the entry: limit is no object"])

    assert [(row.network, row.is_available) for row in PayoutMethod.objects.all()] == [
        ("bsc", False),
        ("tron", True),
    ]
    assert len(report.unreadable) == len(ODD) + 1


@pytest.fixture
def run(db, heleket_client, monkeypatch):
    """Run the command with the real client over a local Heleket; it opens no client of its own."""
    module = "payouts.gateway.accounts.heleket_client"
    monkeypatch.setattr(module, lambda: nullcontext(heleket_client))

    def sync_services(*args):
        out = StringIO()
        call_command("sync_services", *args, stdout=out)
        return out.getvalue()

    return sync_services


def test_the_command_reads_all_that_heleket_pays_and_this_desk_knows(run):
    assert run() == "Heleket lists 37 payout services: 37 new, 0 changed, 0 withdrawn.\n"

    assert set(PayoutMethod.objects.available().values_list("network", "currency")) == {
        (network, coin) for network, coins in DECIMALS_ON_CHAIN.items() for coin in coins
    }


def test_a_dry_run_changes_nothing(run):
    assert json.loads(run("--dry-run", "--format", "json"))["added"] == 37
    assert not PayoutMethod.objects.exists()


def test_d9_a_renamed_coin_is_reported_with_exit_code_2(run, sandbox):
    run()
    sandbox.rename_currency("ton", "TON", "GRAM")

    with pytest.raises(SystemExit) as end:
        run()

    assert end.value.code == 2
    assert not PayoutMethod.objects.get(network="ton", currency="TON").is_available
    assert PayoutMethod.objects.filter(network="ton", currency="GRAM").exists()


def test_g34_the_command_names_what_the_client_could_not_read(run, sandbox, heleket_client):
    listed = heleket_client.list_services

    def odd_ones(*, on_odd):
        on_odd("service 3 (ton, TON): limit is no object")
        return listed(on_odd=on_odd)[1:]

    heleket_client.list_services = odd_ones
    with pytest.raises(SystemExit) as end:
        run()

    assert end.value.code == 2
    assert PayoutMethod.objects.count() == 36


def test_an_empty_list_is_a_finding(run, sandbox):
    run()
    sandbox.services.clear()

    with pytest.raises(SystemExit) as end:
        run()

    assert end.value.code == 2
    assert not PayoutMethod.objects.available().exists()


@pytest.mark.parametrize(
    "fault", ["refuse_connection", "unauthorized", "html_502", "empty_200", "garbage", "null"]
)
def test_an_answer_that_cannot_be_used_changes_nothing(run, sandbox, fault):
    run()
    sandbox.faults.add(fault)

    with pytest.raises(CommandError) as refusal:
        run()

    assert refusal.value.returncode == 1
    assert str(refusal.value)

    assert PayoutMethod.objects.available().count() == 37


def test_missing_credentials_are_named(settings):
    settings.HELEKET_MERCHANT_ID = settings.HELEKET_API_KEY = ""

    with pytest.raises(heleket.MissingCredentials, match="HELEKET_MERCHANT_ID and HELEKET_API_KEY"):
        heleket_client()


def test_the_client_is_built_from_the_settings(settings, db):
    with heleket_client() as client:
        assert client.merchant_id == settings.HELEKET_MERCHANT_ID
        assert client.timeout_seconds == settings.HELEKET_TIMEOUT_SECONDS
