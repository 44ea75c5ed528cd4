from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    name = "payouts.reconciliation"
    label = "payouts_reconciliation"
    verbose_name = "Reconciliation"

    def ready(self) -> None:
        from audit.jobs import register
        from payouts.reconciliation.jobs import Reconcile  # models are there from here on

        register(Reconcile)
