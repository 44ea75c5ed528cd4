from django.apps import AppConfig
from django.core import checks


class ControlsConfig(AppConfig):
    name = "payouts.controls"
    label = "payouts_controls"
    verbose_name = "Controls"

    def ready(self) -> None:
        from payouts.controls.shortcomings import check_policy  # models are there from here on

        checks.register(check_policy, checks.Tags.database)
