from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from payouts.webhooks import heleket_webhook

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", include("payouts.portal.urls")),
    path("webhooks/heleket/", heleket_webhook, name="heleket-webhook"),
    path("webhooks/heleket", heleket_webhook),  # a redirect would lose what was posted
]
