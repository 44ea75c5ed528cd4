from django.apps import AppConfig


class EngineConfig(AppConfig):
    name = "payouts.engine"
    label = "payouts_engine"
    verbose_name = "Engine"
