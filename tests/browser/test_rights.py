"""Rights that count, given by two people at their browsers."""

import re

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.urls import reverse

from tests.browser.conftest import PASSWORD

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("usdt", "gateway"),
]


def test_g46_an_approver_is_made_by_two_people(visitor):
    uma, paula = visitor("User manager"), visitor("Policy manager")
    uma.go(reverse("admin:auth_user_add"))
    uma.page.fill("[name=username]", "nina")
    uma.page.fill("[name=email]", "nina@example.com")
    uma.press("Add the person")
    uma.page.get_by_label("May use the desk").check()
    uma.page.get_by_label("Approver").check()
    uma.page.fill("[name=reason]", "Stands in for Amira")
    uma.press("Save the change")
    assert uma.reads("is a draft now")
    assert not User.objects.get(username="nina").groups.exists()

    paula.go(reverse("admin:auth_user_drafts"))
    paula.follow("nina")
    assert paula.reads("— → Approver")
    assert paula.reads("Stands in for Amira")
    paula.press("Confirm it")
    assert paula.reads("Confirmed.")
    assert paula.reads("No right waits for a second person")

    uma.page.reload()
    uma.follow("Send a link for a password")
    uma.press("Send the link")
    [path] = re.findall(r"/links/\S+/", mail.outbox[-1].body)
    nina = visitor()
    nina.go(path)
    assert nina.reads("Your login is nina.")
    nina.page.fill("[name=new_password1]", PASSWORD)
    nina.page.fill("[name=new_password2]", PASSWORD)
    nina.press("Set the password")
    nina.log_in(User.objects.get(username="nina"))
    assert nina.page.get_by_role("link", name="Payouts").count()
    assert [each.complaints for each in (uma, paula, nina)] == [[], [], []]
