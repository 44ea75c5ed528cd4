from django.apps import AppConfig
from django.conf import settings


class DeskConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        """Have this process wake workers through the broker, if any; else Celery stays unread."""
        import config.checks  # registers them, once all apps are there

        if settings.CELERY_BROKER_URL:
            import config.celery  # noqa: F401
