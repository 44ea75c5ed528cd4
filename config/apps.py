from django.apps import AppConfig
from django.conf import settings


class DeskConfig(AppConfig):
    name = "config"

    def ready(self) -> None:
        """Have this process ring through the broker, if there is one; else Celery stays unread."""
        import config.checks

        if settings.CELERY_BROKER_URL:
            import config.celery  # noqa: F401
