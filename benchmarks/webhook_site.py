"""The desk for gunicorn as it is, without `.env`, and beside it a view that only verifies."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from heleket.webhooks import verify


@csrf_exempt
def only_verify(request: HttpRequest) -> HttpResponse:
    verify(request.body, settings.HELEKET_API_KEY, settings.HELEKET_API_KEY_PREVIOUS)
    return HttpResponse()


application = get_wsgi_application()

from config.urls import urlpatterns  # noqa: E402  # Django has to be ready

urlpatterns.append(path("only-verify/", only_verify))
