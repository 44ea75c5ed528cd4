from django.apps import AppConfig


class AdminConfig(AppConfig):
    name = "payouts.admin"
    label = "payouts_admin"
    verbose_name = "Admin"
