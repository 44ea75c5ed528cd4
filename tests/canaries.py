"""The pytest plugin that plants secrets for the whole run and fails a test in which one turns up.

Each secret variable has a value that occurs nowhere else; passwords, session ids, CSRF secrets and
signatures are noted as they come into being. Looked through are: log records, what tests and the
processes that they start write, pages with their headers, what commands print, and all that is
written to the database. Of other processes' work the rows that they leave are looked through, for
secret variables and passwords; the pages that they serve are not.
"""

import pytest

VARIABLES = {
    "SECRET_KEY": "canary-secret-key-that-signs-sessions-0123456789-abcdef",
    "AUDIT_KEY": "canary-audit-key-that-seals-the-chains-0123456789-abc",
    "HELEKET_API_KEY": "canary-payout-key-5u4hXb",
    "HELEKET_API_KEY_PREVIOUS": "canary-previous-key-Lw07rk",
    "HELEKET_PAYMENT_API_KEY": "canary-payment-key-9TzQ",
    "MONTH_SIGNING_KEY": b"canary-key-of-closed-months-0123".hex(),
    "EMAIL_URL": "smtp://desk:canary-mail-password@127.0.0.1:25",
    "SLACK_WEBHOOK_URL": "https://127.0.0.1/canary-slack-hook",
}
DATABASE_PASSWORD = "canary-database-password"
BROKER_PASSWORD = "canary-broker-password"
SHORTEST = 8  # what is shorter than a password may be is found by accident

everywhere = {
    **{value: name for name, value in VARIABLES.items()},
    **{password: password for password in (DATABASE_PASSWORD, BROKER_PASSWORD)},
    "canary-mail-password": "password of EMAIL_URL",
    "canary-slack-hook": "secret of SLACK_WEBHOOK_URL",
}
# Noted during one test. All but passwords belong somewhere: in a cookie, a form, a call.
passwords, sessions, in_forms, in_calls = {}, {}, {}, {}
found = []


def note(secrets, text, what):
    if text and len(text) >= SHORTEST:
        secrets[text] = what


def look(text, place, *kinds):
    """Keep in mind which secrets turned up there. Other threads may note new ones meanwhile."""
    for kind in (everywhere, passwords, *kinds):
        found.extend(f"{what} in {place}" for secret, what in tuple(kind.items()) if secret in text)


def look_at_page(page, _client, **request):
    if not page.streaming:
        kinds = (sessions, in_forms, in_calls) if page.status_code == 500 else (sessions, in_calls)
        look(page.content.decode(errors="replace"), f"page {request['PATH_INFO']}", *kinds)
    place = f"headers of {request['PATH_INFO']}"
    look(str(page.headers), place, sessions, in_forms, in_calls)
    look(page.cookies.output(), place)


def look_at_rows(connection):
    """Look through all tables of a PostgreSQL database that other processes have written to."""
    secrets = [*everywhere, *passwords]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            holds = " OR ".join(["position(%s IN row::text) > 0"] * len(secrets))
            cursor.execute(f'SELECT row::text FROM "{table}" AS row WHERE {holds} LIMIT 9', secrets)
            for [row] in cursor.fetchall():
                look(row, f"table {table}")


def look_at_statements(connection, **_signal):
    if look_at_statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(look_at_statement)


def look_at_statement(execute, sql, params, many, context):
    if sql.lstrip().startswith(("INSERT", "UPDATE")):
        # A webhook is kept as it came, with its signature.
        kinds = [in_forms] if "django_session" in sql else [in_forms, sessions]
        look(str(params), f"{sql.strip()[:40]}…", *kinds)
    return execute(sql, params, many, context)


def pytest_sessionstart(session):
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.sessions.backends.base import SessionBase
    from django.core.management.base import OutputWrapper
    from django.db.backends.signals import connection_created
    from django.middleware import csrf
    from django.test import Client

    from heleket import signing

    patch = pytest.MonkeyPatch()
    session.config.add_cleanup(patch.undo)

    def watch(owner, name, look_at):
        original = getattr(owner, name)

        def watched(*args, **kwargs):
            result = original(*args, **kwargs)
            look_at(result, *args, **kwargs)
            return result

        patch.setattr(owner, name, watched)

    def noted(secrets, what):
        return lambda text, *_args: note(secrets, text, what)

    watch(AbstractBaseUser, "set_password", lambda _, _user, raw: note(passwords, raw, "password"))
    watch(SessionBase, "_get_new_session_key", noted(sessions, "session id"))
    watch(csrf, "_get_new_csrf_string", noted(in_forms, "CSRF secret"))
    watch(csrf, "_mask_cipher_secret", noted(in_forms, "CSRF token"))
    watch(signing, "sign", noted(in_calls, "signature"))
    watch(Client, "request", look_at_page)
    watch(OutputWrapper, "write", lambda _, _out, text="", *_args, **_options: look(text, "output"))
    connection_created.connect(look_at_statements)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Look at what the test wrote and logged, and fail it for every secret that was seen."""
    report = yield
    if call.when == "teardown":
        for title, text in report.sections:
            look(text, title, sessions, in_forms, in_calls)
        if found:
            report.outcome = "failed"
            report.longrepr = "Secrets turned up:\n" + "\n".join(sorted(set(found)))
        for noted in (found, passwords, sessions, in_forms, in_calls):
            noted.clear()
    return report
