from django.apps import AppConfig
from django.core import checks


class StaffConfig(AppConfig):
    name = "payouts.staff"
    label = "payouts_staff"
    verbose_name = "Staff"

    def ready(self) -> None:
        from payouts.staff.roles import check_apart  # models are there from here on

        checks.register(check_apart, checks.Tags.database)
