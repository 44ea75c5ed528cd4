import unicodedata

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse

from audit.refusals import Refused
from audit.texts import one_line
from tests.factories import ClientFactory, PayoutFactory, UserFactory, WalletFactory, requester
from wallets import services
from wallets.models import Client, Wallet

UNSEEN = [
    ("\u200b", "ZERO WIDTH SPACE"),
    ("\u200d", "ZERO WIDTH JOINER"),
    ("\ufeff", "ZERO WIDTH NO-BREAK SPACE"),
    ("\u00ad", "SOFT HYPHEN"),
    ("\u2060", "WORD JOINER"),
    ("\u202e", "RIGHT-TO-LEFT OVERRIDE"),
    ("\u034f", "COMBINING GRAPHEME JOINER"),
    ("\ufe0f", "VARIATION SELECTOR-16"),
    ("\u3164", "HANGUL FILLER"),
    ("\u2800", "BRAILLE PATTERN BLANK"),
    ("\u180e", "MONGOLIAN VOWEL SEPARATOR"),
    ("\U000e0041", "TAG LATIN CAPITAL LETTER A"),
    ("\u2028", "LINE SEPARATOR"),
    ("\x00", "U+0000"),
    ("\n", "U+000A"),
    ("\x85", "U+0085"),
]

# How the id "Müller-12 K" comes otherwise, and is the same to the eye.
ID = "Müller-12 K"
ALIKE = {
    "decomposed": "Mu\u0308ller-12 K",
    "case": "MÜLLER-12 k",
    "other dash": "Müller\u201112 K",
    "minus": "Müller\u221212 K",
    "other blank": "Müller-12\u00a0K",
    "wide blank": "Müller-12\u3000K",
    "two blanks": "Müller-12  K",
    "kelvin": "Müller-12 \u212a",
    "full width": "Ｍüller-１２ K",
    "cyrillic word": "Müller-12 \u041a",
    "greek word": "Müller-12 \u039a",
}


@pytest.mark.parametrize(("character", "name"), UNSEEN)
@pytest.mark.parametrize("text", ["{}", "C{}1", "C1{}", "{}C1"])
def test_g35_what_cannot_be_seen_is_refused_with_its_name(character, name, text):
    with pytest.raises(ValidationError, match=name.replace("+", r"\+")):
        one_line(text.format(character))


@pytest.mark.parametrize("text", [" ", "\u00a0", "\u3000", " C1", "C1 ", "C1\u2003"])
def test_g35_blanks_at_the_ends_are_refused(text):
    with pytest.raises(ValidationError, match="blank"):
        one_line(text)


@pytest.mark.parametrize(
    "text", ["", "C-1", "Анна Ли 🌷", "Zoë & Söhne", "株式会社 ABC", "नमस्ते", "e\u0301", "L’Été – 5"]
)
def test_g35_what_can_be_seen_is_accepted(text):
    one_line(text)


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["external_id", "name", "group"])
@pytest.mark.parametrize("text", ["A\u200bnn", "\u200b", "A\u00adnn", "\u2800"])
def test_g35_a_client_with_unseen_characters_is_refused(field, text):
    with pytest.raises(Refused, match=unicodedata.name(max(text))):
        services.add_client(
            **{"external_id": "C-1", "name": "Ann", "actor": requester()} | {field: text}
        )

    assert not Client.objects.exists()


@pytest.mark.django_db
def test_g35_a_wallets_label_with_unseen_characters_is_refused():
    address = "TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi"
    with pytest.raises(Refused, match="ZERO WIDTH SPACE"):
        services.add_wallet(
            ClientFactory(),
            network="tron",
            address=address,
            label="a\u200b",
            actor=requester(),
        )

    assert not Wallet.objects.exists()


@pytest.fixture
def staff(client, settings):
    settings.SECURE_SSL_REDIRECT = False
    user = UserFactory(is_superuser=True)
    client.force_login(user)
    return user


def add(client, **data):
    url = reverse("admin:wallets_client_add")
    return client.post(url, {"external_id": "C-2", "name": "Ben", "email": "", "group": ""} | data)


@pytest.mark.django_db
@pytest.mark.parametrize("field", ["external_id", "name", "group"])
def test_g35_the_page_says_so_beside_the_field(client, staff, field):
    response = add(client, **{field: "C\u200b1"})

    assert "ZERO WIDTH SPACE" in str(response.context["adminform"].form.errors[field])
    assert not Client.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ALIKE)
def test_g79_an_id_that_looks_the_same_is_refused(client, staff, kind):
    services.add_client(external_id=ID, name="Ann", actor=requester())

    with pytest.raises(Refused, match="look-alike external id already exists: Ann"):
        services.add_client(external_id=ALIKE[kind], name="Ben", actor=requester())
    response = add(client, external_id=ALIKE[kind])

    assert "already exists" in str(response.context["adminform"].form.errors["external_id"])
    assert Client.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("kind", ALIKE)
def test_g79_the_database_keeps_ids_apart_that_look_the_same(kind):
    Client.objects.create(external_id=ID, name="Ann")

    with pytest.raises(IntegrityError), transaction.atomic():
        Client.objects.bulk_create([Client(external_id=ALIKE[kind], name="Ben")])

    assert Client.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("mixed", ["\u0421-1", "Paypa\u04cf", "\u0410nn"])
def test_g79_an_id_of_mixed_alphabets_is_refused(client, staff, mixed):
    mixed = mixed.replace("\u0421-1", "\u0421Z-1")
    with pytest.raises(Refused, match="different alphabets"):
        services.add_client(external_id=mixed, name="Ann", actor=requester())

    assert "alphabets" in str(add(client, external_id=mixed).context["adminform"].form.errors)
    assert not Client.objects.exists()


@pytest.mark.django_db
def test_g79_texts_are_stored_composed_and_found_so():
    added = services.add_client(
        external_id="Mu\u0308-1",
        name=" Zoe\u0308 ",
        group="e\u0301quipe",
        actor=requester(),
    )

    stored = Client.objects.get()
    assert (stored.external_id, stored.name, stored.group) == ("Mü-1", "Zoë", "équipe")
    assert added.history.get().name == "Zoë"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name", ["ann lee", "Ann\u00a0Lee", "\u0410nn Lee", "Ａｎｎ Lee", "Ann Lee"]
)
def test_g79_a_name_that_looks_the_same_is_shown_and_confirmed(client, staff, name):
    services.add_client(external_id="C-1", name="Ann Lee", actor=requester())

    with pytest.raises(Refused, match=r"looks the same: Ann Lee \(C-1\)"):
        services.add_client(external_id="C-2", name=name, actor=requester())
    form = add(client, name=name).context["adminform"].form
    assert "Ann Lee (C-1)" in str(form.errors["name"])
    assert not form["is_another"].is_hidden
    assert Client.objects.count() == 1

    assert add(client, name=name, is_another="on").status_code == 302
    assert Client.objects.count() == 2


@pytest.mark.django_db
def test_g79_a_name_changed_to_one_that_looks_the_same_is_confirmed(client, staff):
    ClientFactory(name="Ann Lee")
    ben = ClientFactory(name="Ben", external_id="C-2")
    url = reverse("admin:wallets_client_change", args=[ben.pk])
    change = {"name": "ANN LEE", "seen": ben.history.first().pk}

    form = client.post(url, change).context["adminform"].form
    assert "looks the same" in str(form.errors["name"])
    assert Client.objects.get(pk=ben.pk).name == "Ben"

    client.post(url, change | {"is_another": "on"})
    ben = Client.objects.get(pk=ben.pk)
    assert (ben.name, ben.folded_name) == ("ANN LEE", "ann lee")

    seen = ben.history.first().pk
    again = client.post(url, {"name": "ANN LEE", "group": "vip", "seen": seen})
    assert again.status_code == 302


@pytest.mark.django_db
def test_a_wallet_is_read_again_with_its_protected_status():
    wallet = WalletFactory()
    other = Wallet.objects.get()
    other.freeze()
    other.save()

    wallet.refresh_from_db()
    assert wallet.status == "frozen"
    with pytest.raises(AttributeError):
        wallet.status = "active"

    deferred = Wallet.objects.defer("status", "address").get()
    deferred.refresh_from_db()
    assert deferred.get_deferred_fields() == {"status", "address"}
    assert deferred.status == "frozen"

    payout = PayoutFactory(wallet=wallet)
    payout.refresh_from_db()
    assert payout.status == "pending"

    wallet.pk = 0
    with pytest.raises(Wallet.DoesNotExist):
        wallet.refresh_from_db()
    assert wallet.__dict__["status"] == "frozen"
