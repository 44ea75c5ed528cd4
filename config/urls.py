from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.views.generic import RedirectView

from payouts.admin.staff import change_own_password
from payouts.webhooks import heleket_webhook


def start(request: HttpRequest) -> HttpResponse:
    """Open the Admin where a person's work is: an approver's at what needs their approval."""
    may = request.user.has_perm
    if may("payouts.approve_payout"):
        return redirect(reverse("admin:payouts_payout_changelist") + "?queue=mine")
    if may("payouts.view_payout"):
        return redirect("admin:payouts_payout_changelist")
    if may("auth.view_user"):
        return redirect("admin:auth_user_changelist")
    return admin.site.index(request)


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.admin_view(start)),
    path("admin/password_change/", admin.site.admin_view(change_own_password)),
    path("admin/", admin.site.urls),
    path("webhooks/heleket/", heleket_webhook, name="heleket-webhook"),
    path("webhooks/heleket", heleket_webhook),  # a redirect would lose what was posted
]
