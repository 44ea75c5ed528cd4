from django.apps import AppConfig


class PayoutsConfig(AppConfig):
    name = "payouts"
    verbose_name = "Desk"

    def ready(self) -> None:
        from audit.jobs import register
        from payouts import verifying
        from payouts.jobs import (
            Check,
            Guard,
            Reopen,
            Submit,
            Watch,
        )  # models are there from here on

        register(Submit, Check, Watch, Reopen, Guard)
        verifying.register()
