"""From a key to a confirmed payout through the client API, as quick-start.md does with curl.

Needs KEY and API in the environment, as the demo prints them.
"""

import os
import time
from typing import Any

import requests

API = os.environ["API"]
session = requests.Session()
session.headers["Authorization"] = f"Bearer {os.environ['KEY']}"


def call(method: str, path: str, body: object = None, *, key: str = "", **query: str) -> Any:
    """Return what the desk answers. A call with a key may be made again: it creates once."""
    headers = {"Idempotency-Key": key} if key else {}
    answer = session.request(
        method, f"{API}/{path}", json=body, params=query, headers=headers, timeout=30
    )
    if not answer.ok:
        problem = answer.json()
        raise SystemExit(f"{problem['code']}: {problem['detail']}")
    return answer.json()


def main() -> None:
    call("PUT", "clients/quick-2/", {"name": "Grace Murray"})
    session.headers["Desk-Client"] = "quick-2"

    place = {"network": "tron", "address": "TNhEFYcs7PgkwGbxDQgVFfwArQ1eoJ1Y4a"}
    wallet = call("POST", "wallets/", place, key="wallet-of-quick-2")
    print("In the Admin, approve the wallet of Grace Murray.", flush=True)
    while call("GET", f"wallets/{wallet['id']}/")["status"] != "active":
        time.sleep(1)

    asked = {"wallet": wallet["id"], "currency": "USDT", "amount": "25", "purpose": "Prize of May"}
    payout = call("POST", "payouts/", asked, key="first-payout-of-quick-2")
    print(f"In the Admin, approve the payout {payout['number']}.", flush=True)
    print(f"{follow(payout['id'])}: the client has the money.")


def follow(payout_id: str) -> str:
    """Print the events of this client as they come, until its payout is paid; return its number."""
    query: dict[str, str] = {}
    while True:
        page = call("GET", "events/", **query)
        for event in page["results"]:
            data = event["data"]
            print(event["at"], event["type"], data["number"], data["txid"] or "", flush=True)
            if event["type"] == "payout.paid" and data["payout"] == payout_id:
                return str(data["number"])
        query = {"after": page["next"]}
        if not page["has_more"]:
            time.sleep(1)


main()
