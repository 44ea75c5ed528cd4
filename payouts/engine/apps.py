from django.apps import AppConfig


class EngineConfig(AppConfig):
    name = "payouts.engine"
    verbose_name = "Engine"
