from django.apps import AppConfig
from django.core.signals import got_request_exception

from audit import database


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        got_request_exception.connect(database.leave_failed)
