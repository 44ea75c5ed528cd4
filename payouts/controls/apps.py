from django.apps import AppConfig


class ControlsConfig(AppConfig):
    name = "payouts.controls"
    label = "payouts_controls"
    verbose_name = "Controls"

    def ready(self) -> None:
        from audit.jobs import register
        from payouts.controls import verifying
        from payouts.controls.jobs import FetchRates  # models are there from here on
        from payouts.controls.policy import named_groups
        from payouts.controls.shortcomings import lacks_for_policy
        from payouts.staff.needs import register_need
        from payouts.staff.powers import register_named_groups

        register(FetchRates)
        register_named_groups(named_groups)
        register_need(lacks_for_policy)
        verifying.register()
