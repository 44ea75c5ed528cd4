"""One-time links by which people choose their passwords, so that nobody else ever knows one.

A link goes to its owner's address alone, and not while that is new: who changed it would get in.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from smtplib import SMTPException

from django.contrib.auth.models import User
from django.core.mail import EmailMessage, get_connection
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from audit import clock
from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.refusals import NotAllowed, Refused
from audit.texts import day_and_hour
from payouts.staff import people
from payouts.staff.codes import StaffCode
from payouts.staff.models import PasswordLink, PowerChange

LASTS = timedelta(hours=24)
STANDS = timedelta(hours=24)  # how long an address or a password is new


def digest_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def path_of(token: str) -> str:
    return reverse("password-link", args=[token])


def make(person: User, *, made_by: User | None, sent_to: str = "") -> str:
    """Return the token of a new link, which nobody can read again. Links before it are over."""
    token, now = secrets.token_urlsafe(32), clock.now()
    PasswordLink.objects.create(
        person=person,
        digest=digest_of(token),
        made_by=made_by,
        sent_to=sent_to,
        made_at=now,
        expires_at=now + LASTS,
    )
    return token


# Send


def sent_from(person: User) -> datetime | None:
    """Return from when on a link may go to the person's address, if that is not yet."""
    since = people.changed_at(person, PowerChange.What.ADDRESS)
    until = since + STANDS if since else None
    return until if until and until > clock.now() else None


def refuse_sending(person: User, *, site: str) -> None:
    """Raise Refused if no link can go to this person now."""
    if not site:
        raise Refused(StaffCode.NO_MAIL)
    if not person.is_active:
        raise Refused(StaffCode.KEPT_OUT, person=person)
    if not person.email:
        raise Refused(StaffCode.NO_ADDRESS, person=person)
    if until := sent_from(person):
        raise Refused(StaffCode.ADDRESS_NEW, at=day_and_hour(until))


def send(person: User, *, site: str, actor: Actor, right: str = "auth.change_user") -> None:
    """Mail a person the link by which they choose their password. Raises Refused.

    `site` is the address of the desk for people; without one no mail is sent. No transaction may be
    open: a mail server may be slow.
    """
    actor.require(right)
    if person.is_superuser and not (actor.person and actor.person.is_superuser):
        raise NotAllowed(StaffCode.SUPERUSER)
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=person.pk)
        refuse_sending(locked, site=site)
        token = make(locked, made_by=actor.person, sent_to=locked.email)
        people.log(DeskEvent.Type.SEND_LINK, locked, actor=actor)
    text = words(locked.get_username(), f"{site}{path_of(token)}")
    post([locked.email], _("Choose your password for the payout desk"), text)


def words(login: str, link: str) -> str:
    text = _(
        "Choose your password for the payout desk at:\n\n%(link)s\n\nYour login is %(login)s. The "
        "link works once, for 24 hours. If you expect no such mail, do not open it, and tell those "
        "who run the desk."
    )
    return text % {"link": link, "login": login}


def post(addresses: Sequence[str], subject: str, text: str) -> None:
    """Mail something to each of these. Raises Refused."""
    try:
        get_connection().send_messages(
            [EmailMessage(subject, text, to=[each]) for each in addresses]
        )
    except (OSError, SMTPException) as exc:
        raise Refused(StaffCode.MAIL_FAILED) from exc


# What somebody powerful comes in by


def last_to(person: User) -> PasswordLink | None:
    links = PasswordLink.objects.filter(person=person).select_related("made_by")
    return links.order_by("-pk").first()


def is_new(person: User) -> bool:
    """Whether a person's password or address is so new that another may have chosen it."""
    since = max(people.password_since(person), people.address_since(person))
    return clock.now() < since + STANDS


def end_new_password(person: User, *, actor: Actor) -> None:
    """Have a person who is given power choose their password anew, unless it and their address
    have stood long enough: whoever added them may have chosen it."""
    if is_new(person):
        people.end_password(person, actor=actor)


# Use


def find(token: str) -> PasswordLink:
    """Return the link of this token, if it works still. Raises Refused."""
    link = PasswordLink.objects.select_related("person").filter(digest=digest_of(token)).first()
    if link is None or not works(link):
        raise Refused(StaffCode.LINK_OVER)
    return link


def works(link: PasswordLink) -> bool:
    newer = PasswordLink.objects.filter(person=link.person_id, pk__gt=link.pk)
    ways_in = [PowerChange.What.PASSWORD, PowerChange.What.ADDRESS]
    changed = PowerChange.objects.filter(
        person=link.person_id, what__in=ways_in, at__gte=link.made_at
    )
    is_late = link.expires_at <= clock.now()
    return link.person.is_active and not (is_late or newer.exists() or changed.exists())


def use(token: str, password: str) -> User:
    """Have the owner of a link come in with this password, once. Raises Refused."""
    with transaction.atomic():
        person = User.objects.select_for_update().get(pk=find(token).person_id)
        link = find(token)  # again, behind the lock: another use may have come first
        person.set_password(password)
        person.save(update_fields=["password"])
        sender = {"sent_by": link.made_by.get_username()} if link.made_by else {}
        people.log_password(person, actor=Actor.staff(person, Channel.ADMIN), **sender)
    return person
