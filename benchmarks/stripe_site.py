"""dj-stripe as its documentation sets it up, with settings and tables of its own.

`python -m benchmarks.stripe_site` makes its tables and the endpoint; gunicorn serves `application`.
What it is given to do is the least: no middleware, connections are kept, and an event of a kind for
which dj-stripe stores the trigger and the event but asks Stripe for nothing.
Source: https://dj-stripe.dev/dj-stripe/latest/usage/webhooks/
"""

import os

import environ
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

from benchmarks.webhook_load import STRIPE_ENDPOINT, STRIPE_SECRET

SCHEMA = "stripe"

database = environ.Env.db_url_config(os.environ["DATABASE_URL"])
database["OPTIONS"] = {"options": f"-c search_path={SCHEMA}"}
database["CONN_MAX_AGE"], database["CONN_HEALTH_CHECKS"] = 600, True
settings.configure(
    SECRET_KEY=os.environ["SECRET_KEY"],
    ALLOWED_HOSTS=["localhost"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": database},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "djstripe"],
    USE_TZ=True,
    DJSTRIPE_FOREIGN_KEY_TO_FIELD="id",
    STRIPE_LIVE_MODE=False,
    STRIPE_TEST_SECRET_KEY="sk_test_" + "0" * 24,
)

application = get_wsgi_application()
urlpatterns = [path("stripe/", include("djstripe.urls", namespace="djstripe"))]


def prepare() -> None:
    from django.core.management import call_command
    from django.db import connection
    from djstripe.models import Account, APIKey, WebhookEndpoint

    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
    call_command("migrate", verbosity=0)
    account = Account.objects.create(id="acct_bench")
    APIKey.objects.create(
        secret=settings.STRIPE_TEST_SECRET_KEY,
        type="secret",
        livemode=False,
        djstripe_owner_account=account,
    )
    WebhookEndpoint.objects.create(
        id="we_bench",
        djstripe_owner_account=account,
        djstripe_uuid=STRIPE_ENDPOINT,
        secret=STRIPE_SECRET,
        livemode=False,
        enabled_events=["*"],
        url="https://localhost/stripe/",
        status="enabled",
    )


if __name__ == "__main__":
    prepare()
