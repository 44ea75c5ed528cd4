"""The page on which a person plays Heleket. Every value is escaped where it enters the HTML."""

from collections.abc import Iterable
from html import escape
from pathlib import Path
from string import Template

from heleket.sandbox import lives, switches
from heleket.sandbox.faults import EFFECTS, WEBHOOK_EFFECTS, Fault, describe
from heleket.sandbox.gateway import Gateway
from heleket.sandbox.records import Delivery, Payout
from heleket.sandbox.rules import plain

PAGE = Template(Path(__file__).with_name("control.html").read_text())
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAYOUTS_SHOWN = 25
WEBHOOKS_SHOWN = 20
STATUSES = {
    "paid!": "paid, final",
    "paid": "paid, not final",
    "fail!": "fail, final",
    "fail": "fail, not final",
    "system_fail!": "system_fail, final",
    "cancel!": "cancel, final",
    "process": "process",
    "check": "check",
}


def in_words(life: list[str]) -> str:
    return ", ".join(word.replace("!", " (final)") for word in life)


LIVES = {fate: in_words(life.split()) for fate, life in lives.FATES.items()}
MOODS = {"paid": "good", "fail": "bad", "system_fail": "bad", "cancel": "bad"}


def render(gateway: Gateway, *, query: str = "", error: str = "") -> str:
    """Write the whole page. The caller holds the gateway's lock."""
    found = [payout for payout in reversed(gateway.payouts) if not query or query in about(payout)]
    webhooks = list(gateway.mail.history)[:WEBHOOKS_SHOWN]
    return PAGE.substitute(
        error=f'<p class="error" role="alert">{escape(error)}</p>' if error else "",
        balances=joined(balance(*item) for item in sorted_balances(gateway)),
        coins=options({coin: coin for coin in sorted(gateway.balances)}, chosen="USDT"),
        query=escape(query),
        payouts=joined(payout_row(payout) for payout in found[:PAYOUTS_SHOWN]),
        payout_count=counted(len(found), PAYOUTS_SHOWN, "payout"),
        faults=joined(fault_row(fault) for fault in gateway.faults)
        or nothing("No fault is waiting."),
        fault_names=options({name: name for name in [*EFFECTS, *sorted(WEBHOOK_EFFECTS)]}),
        fates=options(LIVES),
        webhooks=joined(map(webhook_row, webhooks)),
        webhook_count=counted(len(gateway.mail.history), WEBHOOKS_SHOWN, "webhook"),
        pace=f"{gateway.pace_seconds:g}",
        latency=f"{gateway.latency_seconds:g}",
        gate=escape(gateway.gate.mode),
        waiting=gateway.gate.waiting,
        held=len(gateway.held_requests),
        calls=len(gateway.calls),
        switches=joined(switch_row(*item) for item in switches.chosen(gateway).items()),
    )


def joined(parts: Iterable[str]) -> str:
    return "\n".join(parts)


def nothing(text: str) -> str:
    return f'<li class="soft">{escape(text)}</li>'


def counted(found: int, shown: int, noun: str) -> str:
    plural = "" if found == 1 else "s"
    newest = f", the newest {shown} are shown" if found > shown else ", newest first"
    return f"{found} {noun}{plural}{newest if found else ''}."


def options(choices: dict[str, str], chosen: str = "") -> str:
    return joined(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>'
        f"{escape(text)}</option>"
        for value, text in choices.items()
    )


def sorted_balances(gateway: Gateway) -> list[tuple[str, str]]:
    used = {entry.currency for entry in gateway.ledger}
    return [(coin, plain(gateway.balances[coin])) for coin in sorted(used)] or [("USDT", "0")]


def balance(coin: str, amount: str) -> str:
    return f"<div><dt>{escape(coin)}</dt><dd>{escape(amount)}</dd></div>"


def about(payout: Payout) -> str:
    """Return the text in which a search looks."""
    return f"{payout.order_id} {payout.uuid} {payout.address} {payout.status}"


def badge(status: str, is_final: bool) -> str:
    mood = MOODS.get(status, "") if is_final else ""
    word = status if is_final or status in ("process", "check") else f"{status}, not final"
    return f'<span class="status {mood}">{escape(word)}</span>'


def payout_row(payout: Payout) -> str:
    name = payout.order_id or "made by hand, no order id"
    return f"""<tr>
<td>{badge(payout.status, payout.is_final)}</td>
<td><code>{escape(name)}</code><br>
<span class="soft">{payout.created_at:%d %b, %H:%M:%S} UTC</span></td>
<td class="amount">{plain(payout.amount)} {escape(payout.currency)}<br>
<span class="soft">fee {plain(payout.commission)}</span></td>
<td>{escape(payout.network.upper())}<br><code>{escape(payout.address)}</code></td>
<td>{next_steps(payout)}{controls(payout)}</td>
</tr>"""


def next_steps(payout: Payout) -> str:
    left = payout.life.split()[payout.step + 1 :]
    if left:
        return f'<p class="soft">then {escape(in_words(left))}</p>'
    return "" if payout.is_final else '<p class="soft">nothing more by itself</p>'


def controls(payout: Payout) -> str:
    fates = "" if payout.is_final else form("fate", payout, "fate", LIVES, "Let it go so")
    step = "" if payout.next_step_at is None else form("advance", payout, "", {}, "Next step")
    status = form("status", payout, "status", STATUSES, "Put it there now")
    return f"{step}<details><summary>Decide</summary>{fates}{status}</details>"


def form(act: str, payout: Payout, field: str, choices: dict[str, str], label: str) -> str:
    select = f'<select name="{field}" aria-label="{escape(label)}">{options(choices)}</select>'
    return f"""<form method="post" action="{act}">
<input type="hidden" name="uuid" value="{escape(payout.uuid)}">
{select if choices else ""}<button type="submit">{escape(label)}</button></form>"""


def fault_row(fault: Fault) -> str:
    told = ", ".join(f"{name} {value}" for name, value in describe(fault).items() if name != "name")
    return f"""<li>
<span><code>{escape(fault.name)}</code> <span class="soft">{escape(told)}</span></span>
<form method="post" action="clear-faults">
<input type="hidden" name="name" value="{escape(fault.name)}">
<button type="submit">Remove</button></form></li>"""


def switch_row(name: str, choice: str) -> str:
    switch = switches.SWITCHES[name]
    choices = options({text: text for text in switch.choices}, chosen=choice)
    return f"""<li>
<span><code>{escape(name)}</code> <span class="soft">{escape(switch.help)}</span></span>
<form method="post" action="switch">
<input type="hidden" name="name" value="{escape(name)}">
<select name="choice" aria-label="{escape(name)}">{choices}</select>
<button type="submit">Set</button></form></li>"""


def webhook_row(delivery: Delivery) -> str:
    tries = f", {delivery.tries} tries" if delivery.tries > 1 else ""
    return f"""<tr><td>{delivery.made_at:%H:%M:%S} UTC</td>
<td><code>{escape(delivery.order_id or delivery.uuid)}</code></td>
<td>{escape(delivery.status)}</td><td><code>{escape(delivery.url)}</code></td>
<td>{escape(delivery.outcome + tries)}</td></tr>"""
