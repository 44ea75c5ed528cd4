from django.apps import AppConfig


class ControlsConfig(AppConfig):
    name = "payouts.controls"
    label = "payouts_controls"
    verbose_name = "Controls"
