"""What every page does with an odd address, and where a dead end leads."""

import logging
from io import BytesIO

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory

from config import environment
from tests.factories import StaffFactory

LIST = "/admin/payouts/payout/"


@pytest.fixture
def auditor(client, db):
    person = StaffFactory(roles=["Auditor"])
    client.force_login(person)
    return client


@pytest.mark.parametrize("query", ["network=%00", "q=a%00b", "origin__exact=%00"])
def test_e7_a_nul_in_the_address_is_refused(auditor, query):
    answer = auditor.get(f"{LIST}?{query}")

    assert answer.status_code == 400
    assert b"cannot be read" in answer.content


@pytest.mark.parametrize(
    ("path", "status"), [("/admin/payouts/payout/add/", 403), ("/nowhere/", 404)]
)
def test_a_dead_end_leads_back_to_the_desk(auditor, path, status):
    answer = auditor.get(path)

    assert answer.status_code == status
    assert b'href="/admin/"' in answer.content


@pytest.fixture
def ask(monkeypatch, db):
    """Ask the application that a web server serves: the test client goes past it."""
    monkeypatch.setattr(environment, "read_env_file", lambda: None)
    monkeypatch.setattr("django.core.wsgi.get_wsgi_application", WSGIHandler)
    from config import wsgi

    def ask(path, kind, body=b"csrfmiddlewaretoken=a"):
        environ = RequestFactory()._base_environ(
            REQUEST_METHOD="POST",
            PATH_INFO=path,
            CONTENT_TYPE=kind,
            **{"CONTENT_LENGTH": str(len(body)), "wsgi.input": BytesIO(body)},
            **{"wsgi.url_scheme": "https"},
        )
        status = []
        answer = wsgi.application(environ, lambda line, _headers: status.append(line))
        return int(status[0].split()[0]), b"".join(answer)

    return ask


FORM = "application/x-www-form-urlencoded"
CHARSETS = ["latin-1", "utf-16", "utf-7", "hex", "utf-8-sig", "utf8", '"utf-16"']


@pytest.mark.parametrize("path", ["/admin/login/", "/nowhere/"])
@pytest.mark.parametrize(
    "kind",
    [
        *(f"{FORM}; charset={charset}" for charset in CHARSETS),
        "multipart/form-data; boundary=b; charset=hex",
        "text/plain; Charset=hex",
        f"{FORM}; name*=none'en'a",
    ],
)
def test_e7_another_charset_is_refused_in_one_line(ask, caplog, kind, path):
    with caplog.at_level(logging.WARNING):
        answer = ask(path, kind)

    assert answer == (400, b"The request has to be in UTF-8.")
    assert [(record.levelname, record.exc_info) for record in caplog.records] == [("WARNING", None)]


def test_e7_the_charset_of_a_webhook_counts_for_nothing(ask):
    plain = ask("/webhooks/heleket/", "application/json", b"{}")

    assert plain[0] != 500
    assert ask("/webhooks/heleket/", "application/json; charset=hex", b"{}") == plain


@pytest.mark.parametrize("kind", [FORM, f"{FORM}; charset=UTF-8"])
def test_a_form_in_utf_8_is_read(ask, kind):
    status, page = ask("/admin/login/", kind)

    assert status == 403  # by the check of its token, which is in the form
    assert b"UTF-8." not in page
