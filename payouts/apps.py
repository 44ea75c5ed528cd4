from django.apps import AppConfig
from django.core import checks


class PayoutsConfig(AppConfig):
    name = "payouts"
    verbose_name = "Desk"

    def ready(self) -> None:
        from payouts.roles import check_apart  # models are there from here on

        checks.register(check_apart, checks.Tags.database)
