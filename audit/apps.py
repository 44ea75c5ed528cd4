from django.apps import AppConfig
from django.core.signals import got_request_exception

from audit import database


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit"

    def ready(self) -> None:
        from audit import kept, verifying  # models are there from here on
        from audit.models import DeskEvent

        got_request_exception.connect(database.leave_failed)
        verifying.register("desk", verifying.desk_chain, DeskEvent.objects.count)
        verifying.register("triggers", kept.find)
