from django.apps import AppConfig
from django.core import checks
from django.core.signals import got_request_exception

from payouts import database


class PayoutsConfig(AppConfig):
    name = "payouts"
    verbose_name = "Desk"

    def ready(self) -> None:
        from payouts.roles import check_apart  # models are there from here on

        checks.register(check_apart, checks.Tags.database)
        got_request_exception.connect(database.leave_failed)
