from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.views.generic import RedirectView

from payouts.webhooks import heleket_webhook


def start(request: HttpRequest) -> HttpResponse:
    """Open the Admin at the payouts, for those who may see them."""
    if request.user.has_perm("payouts.view_payout"):
        return redirect("admin:payouts_payout_changelist")
    return admin.site.index(request)


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.admin_view(start)),
    path("admin/", admin.site.urls),
    path("webhooks/heleket/", heleket_webhook, name="heleket-webhook"),
]
