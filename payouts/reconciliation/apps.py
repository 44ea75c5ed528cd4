from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    name = "payouts.reconciliation"
    label = "payouts_reconciliation"
    verbose_name = "Reconciliation"

    def ready(self) -> None:
        from audit.jobs import register
        from payouts.gateway.continuity import register_left
        from payouts.reconciliation import restores  # models are there from here on
        from payouts.reconciliation.jobs import Reconcile
        from payouts.reconciliation.starting import ReadBack

        register(ReadBack, Reconcile)
        register_left(restores.left)
