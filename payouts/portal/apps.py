from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "payouts.portal"
    label = "payouts_portal"
    verbose_name = "Client API"

    def ready(self) -> None:
        from audit.jobs import register
        from payouts import backlogs
        from payouts.portal.deliveries import Deliver  # models are there from here on
        from payouts.portal.feed import BACKLOG, FeedJob

        register(FeedJob, Deliver)
        backlogs.register(BACKLOG)
