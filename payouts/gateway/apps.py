from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "payouts.gateway"
    label = "payouts_gateway"
    verbose_name = "Heleket"
