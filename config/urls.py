from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from django.views import defaults
from django.views.generic import RedirectView

from audit.refusals import Refusal
from payouts.portal import problems
from payouts.portal.codes import PortalCode
from payouts.staff.views import password_link
from payouts.webhooks import heleket_webhook

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", include("payouts.portal.urls")),
    path("links/<str:token>/", password_link, name="password-link"),
    path("webhooks/heleket/", heleket_webhook, name="heleket-webhook"),
    path("webhooks/heleket", heleket_webhook),  # a redirect would lose what was posted
]


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer what broke; the API in its own form."""
    if problems.is_of_api(request):
        return problems.as_json(Refusal(PortalCode.FAILED))
    return defaults.server_error(request)


handler500 = "config.urls.server_error"
