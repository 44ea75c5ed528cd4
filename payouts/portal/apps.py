from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "payouts.portal"
    label = "payouts_portal"
    verbose_name = "Client API"

    def ready(self) -> None:
        from audit.jobs import register
        from payouts.portal.feed import FeedJob  # models are there from here on
        from payouts.portal.idempotent import ShortenAnswers

        register(FeedJob, ShortenAnswers)
