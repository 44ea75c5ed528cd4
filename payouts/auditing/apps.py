from django.apps import AppConfig

from audit import jobs


class AuditingConfig(AppConfig):
    name = "payouts.auditing"
    label = "payouts_auditing"
    verbose_name = "Audit"

    def ready(self) -> None:
        from payouts.auditing.jobs import WriteRights

        jobs.register(WriteRights)
