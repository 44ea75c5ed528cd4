from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "payouts.portal"
    label = "payouts_portal"
    verbose_name = "Client API"
