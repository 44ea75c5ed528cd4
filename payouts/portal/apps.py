from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "payouts.portal"
    label = "payouts_portal"
    verbose_name = "Client API"

    def ready(self) -> None:
        from audit.jobs import register
        from payouts import backlogs
        from payouts.portal import feed, keeping, keys  # models are there from here on
        from payouts.portal.webhooks import deliveries
        from payouts.staff import restored

        register(feed.FeedJob, deliveries.Deliver, keeping.Forget)
        backlogs.register(feed.BACKLOG, deliveries.BACKLOG)
        restored.register_endings(keys.AFTER_RESTORE, feed.AFTER_RESTORE)
