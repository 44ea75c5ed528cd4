from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.core import checks


class StaffConfig(AppConfig):
    name = "payouts.staff"
    label = "payouts_staff"
    verbose_name = "Staff"

    def ready(self) -> None:
        from payouts.staff import restored, verifying  # models are there from here on
        from payouts.staff.needs import check_staff
        from payouts.staff.roles import check_apart

        checks.register(check_apart, checks.Tags.database)
        checks.register(check_staff, checks.Tags.database)
        restored.register_endings(restored.LINKS, restored.RECOVERIES, restored.SESSIONS)
        verifying.register()


class SiteConfig(admin_apps.AdminConfig):
    """Django's Admin, with the desk's own site for everything that is registered anywhere."""

    default = False  # of this package, whose own is the one above
    default_site = "payouts.staff.site.DeskSite"
