from django.urls import path, re_path

from payouts.portal import problems, views, webhook_views
from payouts.portal.openapi import page

ENDPOINT = "v1/webhook-endpoints/<uuid:endpoint_id>"

app_name = "portal"
urlpatterns = [
    path("schema/", page.OpenApi.as_view(), name="schema"),
    path("docs/", page.Docs.as_view(), name="docs"),
    path("v1/services/", views.Services.as_view(), name="services"),
    path("v1/clients/", views.Clients.as_view(), name="clients"),
    # An external id may have slashes, which are decoded before they come here.
    path("v1/clients/<path:external_id>/", views.OneClient.as_view(), name="client"),
    path("v1/wallets/", views.Wallets.as_view(), name="wallets"),
    path("v1/wallets/<uuid:wallet_id>/", views.OneWallet.as_view(), name="wallet"),
    path(
        "v1/wallets/<uuid:wallet_id>/archive/", views.ArchiveWallet.as_view(), name="archive_wallet"
    ),
    path("v1/limits/", views.Limits.as_view(), name="limits"),
    path("v1/events/", views.Events.as_view(), name="events"),
    path("v1/payouts/estimate/", views.Estimate.as_view(), name="estimate"),
    path("v1/payouts/", views.Payouts.as_view(), name="payouts"),
    path("v1/payouts/<uuid:payout_id>/", views.OnePayout.as_view(), name="payout"),
    path("v1/payouts/<uuid:payout_id>/cancel/", views.CancelPayout.as_view(), name="cancel"),
    path("v1/webhook-endpoints/", webhook_views.Endpoints.as_view(), name="endpoints"),
    path(f"{ENDPOINT}/", webhook_views.OneEndpoint.as_view(), name="endpoint"),
    path(f"{ENDPOINT}/secret/", webhook_views.Secret.as_view(), name="secret"),
    path(f"{ENDPOINT}/rotate-secret/", webhook_views.RotateSecret.as_view(), name="rotate_secret"),
    path(f"{ENDPOINT}/deliveries/", webhook_views.Deliveries.as_view(), name="deliveries"),
    path(
        f"{ENDPOINT}/deliveries/<str:event_id>/redeliver/",
        webhook_views.Redeliver.as_view(),
        name="redeliver",
    ),
    path(
        "v1/sandbox/payouts/<uuid:payout_id>/simulate/", views.Simulate.as_view(), name="simulate"
    ),
    re_path("", problems.not_found),
]
