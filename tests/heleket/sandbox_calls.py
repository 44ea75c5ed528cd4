"""Signed requests to the sandbox, as plain as they can be, and what they usually carry."""

import json

import requests

from heleket.signing import sign

PATHS = {
    "create": "/v1/payout",
    "info": "/v1/payout/info",
    "list": "/v1/payout/list",
}
WANTED = {
    "amount": "10",
    "currency": "USDT",
    "network": "TRON",
    "order_id": "order-1",
    "address": "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC",
    "is_subtract": True,
}


class Caller:
    """Calls a gateway: in process, or at `url` over the network."""

    def __init__(self, gateway, url="", **session):
        self.gateway = gateway
        self.url = url or "http://gateway.test"
        self.session = requests.Session()
        self.session.trust_env = False
        for name, value in session.items():
            setattr(self.session, name, value)
        if not url:
            self.session.mount("http://", gateway.adapter())

    def __call__(self, path, payload=None, *, key=None, body=None, merchant=None):
        body = json.dumps(payload or {}).encode() if body is None else body
        headers = {
            "merchant": merchant or self.gateway.merchant_id,
            "sign": sign(body, key or self.gateway.payout_key),
            "Content-Type": "application/json",
        }
        return self.session.post(
            self.url + PATHS.get(path, path),
            data=body,
            headers=headers,
            timeout=(5, 30),
            allow_redirects=False,
        )

    def create(self, **changes):
        return self("create", WANTED | changes)
