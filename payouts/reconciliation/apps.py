from django.apps import AppConfig


class ReconciliationConfig(AppConfig):
    name = "payouts.reconciliation"
    label = "payouts_reconciliation"
    verbose_name = "Reconciliation"
