from django.apps import AppConfig


class GatewayConfig(AppConfig):
    name = "payouts.gateway"
    label = "payouts_gateway"
    verbose_name = "Heleket"

    def ready(self) -> None:
        from audit.jobs import register
        from payouts.gateway.jobs import ReadHistory, SyncServices  # models are there from here on

        register(SyncServices, ReadHistory)  # the books register who fetches balances
