"""Faults strike where they are meant to, and each leaves the money where its name says."""

import json
import threading

import pytest
import requests
from urllib3.exceptions import NewConnectionError

from heleket.sandbox.faults import EFFECTS, WEBHOOK_EFFECTS, Fault, Faults
from heleket.sandbox.records import Answer
from tests.heleket.sandbox_calls import WANTED, Caller


@pytest.fixture
def call(sandbox):
    return Caller(sandbox)


LOST = {
    "drop": requests.exceptions.ConnectionError,
    "drop_timeout": requests.exceptions.ReadTimeout,
    "timeout": requests.exceptions.ReadTimeout,
    "delayed": requests.exceptions.ReadTimeout,
    "commit_then_drop": requests.exceptions.ConnectionError,
    "refuse_connection": requests.exceptions.ConnectionError,
    "connect_timeout": requests.exceptions.ConnectTimeout,
    "tls_failure": requests.exceptions.SSLError,
    "cut_connection": requests.exceptions.ChunkedEncodingError,
}
ANSWERED = {
    "commit_then_500": 500,
    "500": 500,
    "html_502": 502,
    "503": 503,
    "504": 504,
    "429": 429,
    "429_retry_after": 429,
    "404": 404,
    "redirect_301": 301,
    "redirect_302": 302,
    "redirect_307": 307,
    "redirect_308": 308,
    "unauthorized": 401,
    "forbidden": 422,
    "not_enough_funds": 422,
    "terminal": 422,
    "refuse_after_executing": 422,
    "refuse_then_execute": 422,
    "other_4xx": 409,
    "interim": 103,
    "odd_member": 200,
    "unknown_refusal": 422,
    "server_error_200": 200,
    "empty_200": 200,
    "html_200": 200,
    "garbage": 200,
    "null": 200,
    "list": 200,
    "no_result": 200,
    "no_state": 200,
    "cut_json": 200,
    "wrong_content_type": 200,
    "huge": 200,
    "slow": 200,
    "drip": 200,
    "numbers_as_json": 200,
    "race_500": 200,
}
EXECUTED = {
    *("timeout", "commit_then_drop", "cut_connection", "commit_then_500", "server_error_200"),
    *("empty_200", "html_200", "garbage", "null", "list", "no_result", "no_state", "cut_json"),
    *("wrong_content_type", "huge", "slow", "drip", "numbers_as_json", "race_500"),
    *("refuse_after_executing", "interim", "odd_member"),
}


def test_every_fault_is_tested():
    elsewhere = {"not_found_text", "cursor_loops", "count_lies", "swapped", "wrong_rates"}
    assert set(EFFECTS) == LOST.keys() | ANSWERED.keys() | elsewhere
    assert LOST.keys() | ANSWERED.keys() >= EXECUTED
    assert not WEBHOOK_EFFECTS & EFFECTS.keys()


@pytest.mark.parametrize(("name", "error"), LOST.items())
def test_a_lost_call_ends_in_the_exception_of_a_real_network(call, sandbox, name, error):
    sandbox.faults.add(name)

    with pytest.raises(error):
        call.create()

    assert (sandbox.order_ids == ["order-1"]) is (name in EXECUTED)
    assert call.create().status_code == 200
    assert len(sandbox.debits("order-1")) == 1


@pytest.mark.parametrize(("name", "status"), ANSWERED.items())
def test_a_spoiled_answer_has_the_status_and_the_effect_of_its_name(call, sandbox, name, status):
    sandbox.faults.add(name, seconds=0.001, size=1000)

    answer = call.create()

    assert answer.status_code == status
    assert (sandbox.order_ids == ["order-1"]) is (name in EXECUTED)
    assert call.create().json()["state"] == 0
    assert len(sandbox.debits("order-1")) == 1


def test_rates_are_wrong_by_what_a_fault_says_for_one_coin_or_all(heleket_client, sandbox):
    def dollars(coin):
        return {each.target: each.course for each in heleket_client.list_rates(coin)}["USD"]

    sandbox.faults.add("wrong_rates", lasts=600)
    assert dollars("BTC") == sandbox.prices["BTC"] * 100_000
    assert heleket_client.list_services()
    assert dollars("ETH") == sandbox.prices["ETH"] * 100_000
    sandbox.faults.clear()
    sandbox.faults.add("wrong_rates", path="/v1/exchange-rate/BTC/list", size=-1)
    assert dollars("ETH") == sandbox.prices["ETH"]
    assert dollars("BTC") == -sandbox.prices["BTC"]
    assert dollars("BTC") == sandbox.prices["BTC"]


@pytest.mark.parametrize("name", ["html_502", "429", "unauthorized", "redirect_307"])
def test_any_answer_can_hide_that_the_request_was_executed(call, sandbox, name):
    sandbox.faults.add(name, commit=True)

    assert call.create().status_code == ANSWERED[name]

    assert sandbox.order_ids == ["order-1"]


def test_a_refused_connection_says_that_nothing_was_sent(call, sandbox):
    sandbox.faults.add("refuse_connection")

    with pytest.raises(requests.exceptions.ConnectionError) as caught:
        call.create()

    assert isinstance(caught.value.args[0].reason, NewConnectionError)
    assert not sandbox.calls


def test_a_fault_strikes_as_often_as_it_was_told(call, sandbox):
    sandbox.faults.add("500", times=2)

    assert [call.create().status_code for _ in range(3)] == [500, 500, 200]
    assert not list(sandbox.faults)


def test_a_fault_strikes_only_its_path_and_order_id(call, sandbox):
    sandbox.faults.add("503", rate=1, path="/v1/payout", order_id="order-2")

    assert call.create().status_code == 200
    assert call.create(order_id="order-2").status_code == 503
    assert call("info", {"order_id": "order-2"}).status_code == 422


def test_a_rate_is_a_chance_that_the_seed_decides(call, sandbox):
    sandbox.faults.add("504", rate=0.3)

    struck = [call("info", {"order_id": "x"}).status_code == 504 for _ in range(200)]

    assert 40 <= sum(struck) <= 80
    sandbox.faults.clear()
    assert call("info", {"order_id": "x"}).status_code == 422


def test_the_chances_of_a_fault_are_its_own(call, sandbox):
    """To leave one out of a test changes nothing about when the others strike."""

    def struck():
        return [call("info", {"order_id": "x"}).status_code == 504 for _ in range(100)]

    sandbox.faults.add("504", rate=0.3)
    alone = struck()

    sandbox.faults = Faults(sandbox.seed, sandbox.lock, sandbox.now)
    sandbox.faults.add("webhook_lost", rate=0.5)
    sandbox.faults.for_webhook("webhook_lost", None)
    sandbox.faults.add("504", rate=0.3)
    assert struck() == alone


def test_faults_are_removed_by_name(call, sandbox):
    sandbox.faults.add("500", rate=1)
    sandbox.faults.add("503", rate=1)
    sandbox.faults.clear("500")

    assert call.create().status_code == 503
    with pytest.raises(ValueError, match="no fault is called"):
        sandbox.faults.add("earthquake")


def test_answers_can_be_lost_and_requests_dropped_for_all_creates(call, sandbox):
    sandbox.lose_answers = True
    with pytest.raises(requests.exceptions.ReadTimeout):
        call.create()
    sandbox.lose_answers, sandbox.drop_requests = False, True
    with pytest.raises(requests.exceptions.ReadTimeout):
        call.create(order_id="order-2")

    assert sandbox.order_ids == ["order-1"]
    assert call("info", {"order_id": "order-1"}).status_code == 200
    assert [made.path for made in sandbox.calls] == ["/v1/payout", "/v1/payout", "/v1/payout/info"]


def test_every_call_received_is_kept_byte_for_byte(call, sandbox, clock):
    sandbox.faults.add("drop")
    with pytest.raises(requests.exceptions.ConnectionError):
        call("create", body=b'{"odd" : 1}')

    (made,) = sandbox.calls
    assert (made.body, made.path, made.fault) == (b'{"odd" : 1}', "/v1/payout", "drop")
    assert made.at == clock.time


def test_a6_a_delayed_request_is_executed_after_its_sender_has_given_up(call, sandbox, clock):
    sandbox.faults.add("delayed")
    sandbox.faults.add("delayed", seconds=60)
    for order_id in ("order-1", "order-2"):
        with pytest.raises(requests.exceptions.ReadTimeout):
            call.create(order_id=order_id)
    assert call("info", {"order_id": "order-1"}).json()["message"] == "Payout not found"

    clock.forward(seconds=60)
    sandbox.run_due()
    after_a_minute = sandbox.order_ids
    sandbox.execute_held()

    assert after_a_minute == ["order-2"]
    assert sandbox.order_ids == ["order-2", "order-1"]


def test_a6_a_delayed_request_meets_the_repeat_that_overtook_it(call, sandbox):
    sandbox.faults.add("delayed")
    with pytest.raises(requests.exceptions.ReadTimeout):
        call.create()
    call.create()

    assert sandbox.execute_held() == 1

    assert len(sandbox.debits("order-1")) == 1


def test_one_of_two_simultaneous_creates_can_end_in_500(call, sandbox, clock):
    sandbox.faults.add("race_500", rate=1)

    together = [call.create().status_code, call.create().status_code]
    clock.forward(seconds=2)

    assert together == [200, 500]
    assert call.create().status_code == 200
    assert len(sandbox.debits("order-1")) == 1


def test_b18_info_can_answer_about_another_payout(call, sandbox):
    sandbox.faults.add("swapped")
    call.create()
    other = call.create(order_id="order-2").json()["result"]["uuid"]

    answer = call("info", {"order_id": "order-1"}).json()["result"]["uuid"]
    after = call("info", {"order_id": "order-1"}).json()["result"]["uuid"]

    assert (answer, after) == (other, sandbox.find("order-1").uuid)


def test_not_found_can_have_other_words(call, sandbox):
    sandbox.faults.add("not_found_text", text="Nothing here")
    call.create()

    assert call("info", {"order_id": "x"}).json() == {"state": 1, "message": "Nothing here"}
    assert call("info", {"order_id": "order-1"}).status_code == 200


def test_refusals_can_have_any_words(call, sandbox):
    sandbox.faults.add("unknown_refusal", text="Computer says no")

    assert call.create().json() == {"state": 1, "message": "Computer says no"}
    assert sandbox.payouts == []


def test_b20_a_list_can_loop_and_lie(call, sandbox):
    call.create()
    sandbox.faults.add("cursor_loops", text="again")
    sandbox.faults.add("count_lies")

    assert call("list").json()["result"]["paginate"]["nextCursor"] == "again"
    assert call("list").json()["result"]["paginate"]["count"] == 8


@pytest.mark.parametrize(
    ("told", "status", "answer"),
    [
        ({}, 422, {"state": 1, "message": "Not enough funds"}),
        ({"text": "Odd day"}, 422, {"state": 1, "message": "Odd day"}),
        ({"code": 400}, 400, {"state": 1, "message": "Not enough funds"}),
        ({"code": 401}, 401, {"message": "Invalid Sign."}),
    ],
)
@pytest.mark.parametrize("name", ["refuse_after_executing", "refuse_then_execute"])
def test_a_refusal_can_hide_an_execution(call, sandbox, name, told, status, answer):
    sandbox.faults.add(name, **told)

    refused = call.create()
    at_once = sandbox.order_ids
    sandbox.execute_held()

    assert (refused.status_code, refused.json()) == (status, answer)
    assert at_once == (["order-1"] if name == "refuse_after_executing" else [])
    assert sandbox.order_ids == ["order-1"]


def test_a_refused_create_can_be_executed_later(call, sandbox, clock):
    sandbox.faults.add("refuse_then_execute", seconds=3600, text="You are forbidden")
    call.create()

    clock.forward(seconds=3599)
    sandbox.run_due()
    before = sandbox.order_ids
    clock.forward(seconds=1)
    sandbox.run_due()

    assert (before, sandbox.order_ids) == ([], ["order-1"])
    assert call("info", {"order_id": "order-1"}).status_code == 200


def test_an_interim_answer_of_100_is_not_the_answer(call, sandbox):
    sandbox.faults.add("interim", code=100, size=3)

    assert call.create().json()["result"]["uuid"] == sandbox.find("order-1").uuid


def test_any_other_interim_answer_is_read_as_an_empty_one(call, sandbox):
    sandbox.faults.add("interim")

    answer = call.create()

    assert (answer.status_code, answer.content) == (103, b"")
    assert sandbox.order_ids == ["order-1"]


ODD = ["{}", "[]", "null", "7", '"1,234.50"', f"0.{'1' * 30}", f'"{"x" * 300}"', "[[1]]"]


@pytest.mark.parametrize("text", ODD)
def test_a_member_can_be_anything(call, sandbox, text):
    sandbox.faults.add("odd_member", times=2, member="balance", text=text)

    for answer in (call.create(), call("info", {"order_id": "order-1"})):
        assert f'"balance":{text},' in answer.text
        assert answer.json()["result"]["uuid"] == sandbox.find("order-1").uuid


def test_one_entry_of_a_list_can_be_odd(call, sandbox):
    call.create()
    call.create(order_id="order-2")
    sandbox.faults.add("odd_member", path="/v1/payout/list", member="amount", text="[]")
    sandbox.faults.add("odd_member", path="/v1/payout/list", text='"nothing"')
    sandbox.faults.add("odd_member", path="/v1/payout/services", text="null")

    member, entry = (call("list").json()["result"]["items"] for _ in range(2))
    services = call("/v1/payout/services").json()["result"]

    assert [item["amount"] for item in member] == [[], "10.00000000"]
    assert (entry[0], entry[1]["amount"]) == ("nothing", "10.00000000")
    assert services[0] is None
    assert services[1]["network"] == "ARBITRUM"


def test_a_4xx_can_have_another_shape_again_and_again(call, sandbox):
    sandbox.faults.add("other_4xx", rate=1, path="/v1/payout", code=418, text="A teapot")

    answers = [call.create() for _ in range(3)]

    error = {"type": "about:blank", "detail": "A teapot"}
    assert [answer.status_code for answer in answers] == [418, 418, 418]
    assert answers[0].json() == {"error": error}
    assert sandbox.order_ids == []


@pytest.mark.parametrize("name", ["503", "html_502", "drop_timeout", "refuse_connection"])
def test_an_outage_meets_every_call_until_it_is_over(call, sandbox, clock, name):
    sandbox.faults.add(name, lasts=600)

    def is_out(make_call):
        try:
            return make_call().status_code >= 500
        except requests.exceptions.RequestException:
            return True

    def all_calls():
        return [
            is_out(call.create),
            is_out(lambda: call("info", {"order_id": "order-1"})),
            is_out(lambda: call("/v1/payout/services")),
        ]

    during = all_calls()
    clock.forward(seconds=599)
    to_the_end = all_calls()
    before = sandbox.order_ids
    clock.forward(seconds=1)

    assert during == to_the_end == [True, True, True]
    assert before == []
    assert all_calls() == [False, False, False]
    assert not list(sandbox.faults)


@pytest.mark.parametrize(
    ("options", "words"),
    [({"code": 99}, "status of HTTP"), ({"code": 600}, "status of HTTP")],
)
def test_a_fault_that_makes_no_sense_is_refused(sandbox, options, words):
    with pytest.raises(ValueError, match=words):
        sandbox.faults.add("other_4xx", **options)

    assert not list(sandbox.faults)


def test_numbers_can_come_as_json_numbers(call, sandbox):
    sandbox.faults.add("numbers_as_json", rate=1)

    result = call.create().json()["result"]
    items = call("list").json()["result"]["items"]

    assert (result["balance"], result["payer_amount"]) == (999989, 10)
    assert result["amount"] == "10.00000000"
    assert isinstance(items[0]["balance"], int)
    fraction = call.create(order_id="order-2", amount="10.5").json()["result"]
    assert (fraction["balance"], fraction["payer_amount"]) == (999977.5, 10.5)


def test_what_is_no_number_stays_as_it_is_where_numbers_come_as_json_numbers():
    """A gateway made of this one may write what it likes: the simulation's writes odd members."""
    told = {"result": {"balance": "-", "payer_amount": None, "amount": "1"}}

    answer = EFFECTS["numbers_as_json"].reply(Answer.json(200, told), Fault("numbers_as_json"))

    assert json.loads(answer.body) == told


def test_slowness_passes_on_the_gateway_s_own_clock(call, sandbox, clock):
    sandbox.latency_seconds = 0.1
    sandbox.faults.add("slow", seconds=12)
    before = clock.time

    call.create()

    assert (clock.time - before).total_seconds() == pytest.approx(12.1)


def test_an_answer_slower_than_the_timeout_is_lost_without_waiting(call, sandbox, clock):
    sandbox.faults.add("slow", seconds=31)
    before = clock.time

    with pytest.raises(requests.exceptions.ReadTimeout):
        call.create()

    assert clock.time == before
    assert sandbox.order_ids == ["order-1"]


def test_g5_a_dripping_answer_ends_with_the_timeout(call, sandbox):
    sandbox.faults.add("drip", seconds=1)

    with pytest.raises(requests.exceptions.ConnectionError, match="timed out"):
        call.create()

    assert sandbox.order_ids == ["order-1"]


@pytest.mark.parametrize(("place", "executed"), [("before", []), ("after", ["order-1"])])
def test_the_gate_holds_creates_until_it_is_opened(call, sandbox, place, executed):
    sandbox.gate.set(place)
    thread = threading.Thread(target=call.create)
    thread.start()
    assert sandbox.gate.wait_for(1)

    held = list(sandbox.order_ids)
    assert call("info", {"order_id": "x"}).status_code == 422  # the gate is for creates alone
    sandbox.gate.set("open")
    thread.join()

    assert held == executed
    assert sandbox.order_ids == ["order-1"]


def test_one_order_id_from_many_threads_is_one_payout(sandbox):
    def create():
        assert Caller(sandbox).create().status_code == 200

    threads = [threading.Thread(target=create) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(sandbox.debits(WANTED["order_id"])) == 1
