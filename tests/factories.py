from decimal import Decimal

import factory
from django.conf import settings
from django.utils import timezone
from factory.django import DjangoModelFactory

from wallets.models import Client, PayoutService, Wallet, WalletStatus


class UserFactory(DjangoModelFactory):
    class Meta:
        model = settings.AUTH_USER_MODEL

    username = factory.Sequence("user{}".format)
    is_staff = True


class ClientFactory(DjangoModelFactory):
    class Meta:
        model = Client

    external_id = factory.Sequence("C-{}".format)
    name = factory.Sequence("Client {}".format)
    created_by = factory.SubFactory(UserFactory)


class WalletFactory(DjangoModelFactory):
    """An active wallet. A second one of the same client needs another address."""

    class Meta:
        model = Wallet

    client = factory.SubFactory(ClientFactory)
    network = "tron"
    address = "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm"
    status = WalletStatus.ACTIVE
    added_by = factory.SubFactory(UserFactory)
    approved_by = factory.SubFactory(UserFactory)
    approved_at = factory.LazyFunction(timezone.now)


class PayoutServiceFactory(DjangoModelFactory):
    class Meta:
        model = PayoutService

    network = "tron"
    currency = "USDT"
    is_available = True
    min_amount = Decimal("0.5")
    max_amount = Decimal(1000000)
    fee_amount = Decimal("0.5")
    percent = Decimal(0)
    synced_at = factory.LazyFunction(timezone.now)
