import json
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command

from heleket.signing import sign
from payouts.gateway.management.commands.heleket_check import Command
from tests.heleket.wire import PAYMENT_KEY, PAYOUT, PAYOUT_KEY, Server, http, refusal, success

SERVICES = [
    {
        "network": network,
        "currency": "USDT",
        "is_available": available,
        "limit": {"min_amount": "0.50000000", "max_amount": "1000.00000000"},
        "commission": {"fee_amount": "1.00000000", "percent": "0.00"},
    }
    for network, available in [("BSC", False), ("TON", True), ("TRON", True)]
]
COINS = [
    {"balance": "12.50000000", "currency_code": "USDT"},
    {"balance": "0", "currency_code": "T"},
]
WELL = {
    "/v1/payout/services": http(success(SERVICES)),
    "/v1/payout/info": http(refusal("Payout not found"), "422 Unprocessable"),
    "/v1/balance": http(success([{"balance": {"merchant": COINS, "user": []}}])),
    "/v1/payout/calc": http(
        success({"commission": "1", "merchant_amount": "1.5", "payout_amount": "0.50000000"})
    ),
}


pytestmark = pytest.mark.django_db


@pytest.fixture
def gateway(settings):
    """Run a gateway that answers by path; a test changes `answers`."""

    def serve(server, connection):
        while server.read_request(connection) is not None:
            path = server.requests[-1][0].split(b" ")[1].decode()
            connection.sendall(server.answers[path])

    with Server(serve) as server:
        server.answers = dict(WELL)
        settings.HELEKET_PROJECT_URL = server.url
        settings.HELEKET_MERCHANT_ID = "00000000-0000-4000-8000-00000000cafe"
        settings.HELEKET_API_KEY = PAYOUT_KEY
        settings.HELEKET_PAYMENT_API_KEY = PAYMENT_KEY
        settings.HELEKET_TIMEOUT_SECONDS = 5.0
        settings.HELEKET_CALLBACK_URL = "https://desk.example/webhooks/heleket/"
        settings.ALLOWED_HOSTS = ["desk.example"]
        yield server


@pytest.fixture
def check(capsys):
    """Run the command: returns its exit code and what it printed."""

    def run(*arguments):
        code = 0
        try:
            call_command(Command(), *arguments)
        except SystemExit as exc:
            code = exc.code
        return code, capsys.readouterr().out

    return run


@pytest.fixture
def check_json(check):
    """Run the command for machines: returns its exit code, findings by name, and the text."""

    def run():
        code, out = check("--format", "json")
        report = json.loads(out)
        assert report["exit_code"] == code
        findings = {finding["about"]: finding for finding in report["findings"]}
        return code, findings, report["not_found_text"]

    return run


def test_all_is_well(gateway, check_json):
    code, findings, not_found_text = check_json()

    assert code == 0
    assert {finding["state"] for finding in findings.values()} == {"ok"}
    assert "2 services on 2 networks" in findings["services"]["sentence"]
    assert '"Payout not found", as expected' in findings["not found"]["sentence"]
    assert findings["balance"]["sentence"] == "Payouts draw on 12.50000000 USDT."
    assert "the recipient gets 0.5" in findings["fee"]["sentence"]
    assert findings["services"]["values"] == {"services": 2, "networks": 2, "odd": []}
    assert findings["not found"]["values"] == {"text": "Payout not found"}
    assert not_found_text == "Payout not found"


def test_g34_odd_entries_are_named_and_something_to_look_at(gateway, check_json):
    services = [*SERVICES, SERVICES[0] | {"limit": {"min_amount": "1", "max_amount": "much"}}]
    coins = [*COINS, {"balance": {}, "currency_code": "BTC"}]
    gateway.answers["/v1/payout/services"] = http(success(services))
    gateway.answers["/v1/balance"] = http(success([{"balance": {"merchant": coins}}]))

    code, findings, _ = check_json()

    assert code == 2
    assert [findings[name]["state"] for name in ("services", "balance")] == ["problem"] * 2
    assert findings["services"]["sentence"] == (
        "2 services on 2 networks are available. "
        "Heleket's entry 4 (BSC/USDT) cannot be used: max_amount is not a number."
    )
    assert findings["balance"]["sentence"] == (
        "Payouts draw on 12.50000000 USDT. "
        "Heleket's entry 3 (BTC) cannot be used: balance is not a number."
    )


def test_only_reads_and_calculates(gateway, check):
    check()

    paths = [head.split(b" ")[1].decode() for head, _ in gateway.requests]
    assert sorted(paths) == sorted(WELL)
    calculation = json.loads(gateway.requests[paths.index("/v1/payout/calc")][1])
    assert calculation["is_subtract"] is True
    assert (calculation["network"], calculation["amount"]) == ("TRON", "0.50000000")
    balance_head, _ = gateway.requests[paths.index("/v1/balance")]
    assert sign(b"{}", PAYMENT_KEY).encode() in balance_head


def test_asks_for_another_made_up_payout_each_time(gateway, check):
    check()
    check()

    bodies = {body for head, body in gateway.requests if b"/payout/info " in head}
    assert len(bodies) == 2
    assert all(len(json.loads(body)["order_id"]) <= 32 for body in bodies)


def test_shows_a_table_to_people(gateway, check):
    code, out = check()

    assert code == 0
    assert "services" in out
    assert "What Heleket said" in out
    assert PAYOUT_KEY not in out


def test_other_words_for_not_found_are_something_to_look_at(gateway, check_json):
    gateway.answers["/v1/payout/info"] = http(refusal("No such payout"), "422 Unprocessable")

    code, findings, not_found_text = check_json()

    assert code == 2
    assert 'says "No such payout"' in findings["not found"]["sentence"]
    assert not_found_text == "No such payout"


def test_a_gateway_that_knows_what_nobody_made_is_an_error(gateway, check_json):
    gateway.answers["/v1/payout/info"] = http(success(PAYOUT))

    code, findings, not_found_text = check_json()

    assert (code, findings["not found"]["state"], not_found_text) == (1, "error", "")


@pytest.mark.parametrize(("debited", "arriving"), [("0.5", "0.4"), ("0.5", "0.5"), ("0.6", "0.4")])
def test_d10_a_fee_on_the_wrong_side_is_an_error(gateway, check_json, debited, arriving):
    gateway.answers["/v1/payout/calc"] = http(
        success({"commission": "0.1", "merchant_amount": debited, "payout_amount": arriving})
    )

    code, findings, _ = check_json()

    assert (code, findings["fee"]["state"]) == (1, "error")


@pytest.mark.parametrize(
    ("path", "about", "answer"),
    [
        ("/v1/payout/services", "services", success([])),
        ("/v1/payout/services", "fee", success([])),
        ("/v1/balance", "balance", b""),
        ("/v1/payout/calc", "fee", b""),
    ],
)
def test_what_is_missing_is_something_to_look_at(gateway, check_json, path, about, answer):
    gateway.answers[path] = http(answer)

    code, findings, _ = check_json()

    assert (code, findings[about]["state"]) == (2, "problem")


def test_without_payment_key_the_balance_is_unknown(gateway, check_json, settings):
    settings.HELEKET_PAYMENT_API_KEY = ""

    code, findings, _ = check_json()

    assert code == 0
    assert "not known" in findings["balance"]["sentence"]
    assert not any(b"/v1/balance" in head for head, _ in gateway.requests)


def test_a_wrong_key_is_said_in_a_sentence(gateway, check_json):
    gateway.answers["/v1/payout/services"] = http(
        b'{"message":"Invalid Sign."}', "401 Unauthorized"
    )

    code, findings, _ = check_json()

    assert code == 1
    assert findings["services"]["sentence"] == (
        "Heleket does not accept our signature: Invalid Sign."
    )
    assert len(gateway.requests) == 1


def test_an_unreachable_gateway_is_said_in_a_sentence(gateway, check_json, settings):
    settings.HELEKET_PROJECT_URL = "http://127.0.0.1:1"

    code, findings, _ = check_json()

    assert code == 1
    assert "cannot be reached" in findings["services"]["sentence"]


@pytest.mark.parametrize("missing", ["HELEKET_MERCHANT_ID", "HELEKET_API_KEY"])
def test_missing_credentials_are_named(gateway, check, settings, missing):
    setattr(settings, missing, "")

    with pytest.raises(CommandError, match=f"Set {missing} in"):
        check()

    assert gateway.requests == []


def test_both_missing_credentials_are_named(gateway, check, settings):
    settings.HELEKET_MERCHANT_ID = settings.HELEKET_API_KEY = ""

    with pytest.raises(CommandError, match="Set HELEKET_MERCHANT_ID and HELEKET_API_KEY in"):
        check()


def test_a24_an_unsafe_url_is_refused(gateway, check, settings):
    settings.HELEKET_PROJECT_URL = f"http://gateway.example:{urlsplit(gateway.url).port}"

    with pytest.raises(CommandError, match="gateway URL must be https"):
        check()
