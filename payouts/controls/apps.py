from django.apps import AppConfig


class ControlsConfig(AppConfig):
    name = "payouts.controls"
    verbose_name = "Controls"
