"""Post signed webhooks for some seconds from a few threads, and print how many were answered 200.

    python -m benchmarks.webhook_load PORT PATH heleket|stripe MARK SECONDS BODIES ORDERS

BODIES are made before the clock starts: one for each of ORDERS in turn, all with MARK in them. With
fewer bodies than there is time for they are sent again and again.
"""

import hashlib
import hmac
import itertools
import json
import socket
import sys
import threading
import time

from config.environment import MADE_UP
from heleket.webhooks import sign_webhook

THREADS = 8
STRIPE_SECRET = "whsec_made_up_for_benchmarks"
STRIPE_ENDPOINT = "6f1c1f4e-0000-4000-8000-000000000001"


def heleket_request(path: str, place: int, mark: str, orders: int) -> bytes:
    members = {
        "type": "payout",
        "uuid": f"uuid-{place % orders}",
        "order_id": f"order-{place % orders}",
        "amount": "5.25000000",
        "merchant_amount": "5.75000000",
        "commission": "0.50000000",
        "is_final": True,
        "status": "paid",
        "txid": f"{mark}/{place}",
        "currency": "USDT",
        "network": "tron",
        "payer_currency": "USDT",
        "payer_amount": "5.25000000",
    }
    return request_of(path, sign_webhook(members, MADE_UP["HELEKET_API_KEY"]))


def stripe_request(path: str, place: int, mark: str, _orders: int) -> bytes:
    """An event of about the same size that dj-stripe stores without asking Stripe for more."""
    at = int(time.time())
    event = {
        "id": f"evt_{mark}_{place}".replace(" ", "_"),
        "object": "event",
        "api_version": "2026-05-27.dahlia",
        "created": at,
        "livemode": False,
        "pending_webhooks": 1,
        "type": "balance.available",
        "request": {"id": None, "idempotency_key": None},
        "data": {
            "object": {"object": "balance", "available": [{"amount": 525, "currency": "usd"}]}
        },
    }
    body = json.dumps(event)
    digest = hmac.new(STRIPE_SECRET.encode(), f"{at}.{body}".encode(), hashlib.sha256).hexdigest()
    return request_of(path, body.encode(), f"Stripe-Signature: t={at},v1={digest}\r\n")


def request_of(path: str, body: bytes, headers: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


REQUESTS = {"heleket": heleket_request, "stripe": stripe_request}


def post(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(4096):
            answer += chunk
    return answer


def main(
    port: int, path: str, kind: str, mark: str, seconds: float, bodies: int, orders: int
) -> None:
    made = [REQUESTS[kind](path, place, mark, orders) for place in range(bodies)]
    places = itertools.count()
    answered: list[int] = []
    end = time.monotonic() + seconds

    def call() -> None:
        while time.monotonic() < end:
            place = next(places)
            answer = post(port, made[place % bodies])
            if not answer.startswith(b"HTTP/1.1 200 "):
                raise RuntimeError(answer)
            answered.append(place)

    threads = [threading.Thread(target=call) for _ in range(THREADS)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - start
    report = {"answered": len(answered), "bodies": min(len(answered), bodies), "seconds": took}
    print(json.dumps(report))


if __name__ == "__main__":
    port, path, kind, mark, seconds, bodies, orders = sys.argv[1:]
    main(int(port), path, kind, mark, float(seconds), int(bodies), int(orders))
