"""One's own account on the site."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from goals.models import User
from goals.services.sign_ins import BY_NAME_AND_ADDRESS, issue_token
from goals.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
ACCOUNT = reverse("site:account")
PASSWORD = "correct horse battery"


@pytest.fixture
def ada(client: Client) -> User:
    user = UserFactory(username="ada", password=PASSWORD, email="ada@example.com")
    client.force_login(user)
    return user


def reread(user: User) -> User:
    return User.objects.get(pk=user.pk)


def body(**changes: str) -> dict[str, str]:
    stored = {
        "email": "ada@example.com",
        "time_zone": "UTC",
        "number_format": "point",
        "password": "",
    }
    return {**stored, **changes}


def test_zone_and_form_of_numbers_are_set_and_show(client: Client, ada: User) -> None:
    page = client.get(ACCOUNT).content.decode()
    for example in (
        "\N{MINUS SIGN}1,234.5",
        "\N{MINUS SIGN}1.234,5",
        "\N{MINUS SIGN}1\N{NO-BREAK SPACE}234,5",
    ):
        assert example in page
    assert '<option value="Europe/Vienna">' in page
    answer = client.post(
        ACCOUNT, body(time_zone="Europe/Vienna", number_format="comma")
    )
    assert answer.status_code == 302
    assert reread(ada).number_format == "comma"
    assert "Times in Europe/Vienna" in client.get(ACCOUNT).content.decode()


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("time_zone", "Europe/Wien", "There is no time zone Europe/Wien"),
        ("time_zone", "../etc/passwd", "There is no time zone"),
        ("number_format", "roman", "Select a valid choice"),
        ("email", "ada", "valid email address"),
    ],
)
def test_what_is_wrong_shows_at_its_field_and_nothing_is_saved(
    client: Client, ada: User, field: str, value: str, words: str
) -> None:
    changes = {"number_format": "comma", field: value}
    answer = client.post(ACCOUNT, body(**changes, password=PASSWORD))
    assert answer.status_code == 422
    assert words in str(answer.context["form"].errors[field])
    stored = reread(ada)
    assert (stored.email, stored.time_zone) == ("ada@example.com", "UTC")
    assert stored.number_format == "point"


def test_a_new_e_mail_takes_the_password(client: Client, ada: User) -> None:
    new = {"email": "new@example.com"}
    for wrong in ("", "wrong"):
        answer = client.post(ACCOUNT, body(**new, password=wrong))
        assert answer.status_code == 422
        assert set(answer.context["form"].errors) == {"password"}
    assert reread(ada).email == "ada@example.com"
    assert client.post(ACCOUNT, body(**new, password=PASSWORD)).status_code == 302
    assert reread(ada).email == "new@example.com"


def test_that_password_is_guessed_as_slowly_as_at_the_door(
    client: Client, ada: User
) -> None:
    sent = body(email="new@example.com", password="wrong")
    for _ in range(BY_NAME_AND_ADDRESS.tries):
        client.post(ACCOUNT, sent)
    answer = client.post(ACCOUNT, {**sent, "password": PASSWORD})
    assert answer.status_code == 429
    assert reread(ada).email == "ada@example.com"


def test_signing_out_everywhere_ends_every_session_and_no_token(
    client: Client, ada: User
) -> None:
    _, secret = issue_token(user=ada)
    other, stranger = Client(), Client()
    other.force_login(ada)
    stranger.force_login(UserFactory())
    answer = client.post(reverse("site:sign-out-everywhere"))
    assert answer["Location"] == reverse("site:login")
    for browser in (client, other):
        assert browser.get(ACCOUNT).status_code == 302
    assert stranger.get(ACCOUNT).status_code == 200
    header = {"Authorization": f"Token {secret}"}
    assert Client().get("/api/goals/", headers=header).status_code == 200
    client.force_login(reread(ada))
    assert client.get(ACCOUNT).status_code == 200


def test_sessions_of_before_the_column_go_on(ada: User) -> None:
    """Their hash is Django's own while nobody ended them."""
    from django.contrib.auth.base_user import AbstractBaseUser

    djangos = AbstractBaseUser.get_session_auth_hash
    assert ada.get_session_auth_hash() == AbstractBaseUser._get_session_auth_hash(ada)
    assert djangos(ada) == ada.get_session_auth_hash()


def test_a_new_password_signs_other_browsers_out(client: Client, ada: User) -> None:
    other = Client()
    other.force_login(ada)
    before = client.session.session_key
    new = "a new one of these"
    answer = client.post(
        reverse("site:password"),
        {"old_password": PASSWORD, "new_password1": new, "new_password2": new},
    )
    assert answer["Location"] == ACCOUNT
    assert other.get(ACCOUNT).status_code == 302
    assert client.get(ACCOUNT).status_code == 200
    assert client.session.session_key != before


def test_the_old_address_of_the_password_leads_to_the_new(client: Client) -> None:
    assert client.get("/password/")["Location"] == "/settings/account/password/"


def test_every_section_is_listed_and_opens(client: Client, ada: User) -> None:
    page = client.get(reverse("site:settings"))
    sections = page.content.decode()
    for name in ("tokens", "webhooks", "account"):
        address = reverse(f"site:{name}")
        assert sections.count(f'href="{address}"') >= 2
        opened = client.get(address).content.decode()
        assert f'href="{address}" aria-current="page"' in opened
    assert "Invitations" not in sections


def test_the_pages_have_a_constant_number_of_statements(
    client: Client, ada: User
) -> None:
    for address in (ACCOUNT, reverse("site:settings"), reverse("site:password")):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(address).status_code == 200
        assert len(queries) <= 8, [one["sql"] for one in queries]


@pytest.mark.parametrize(
    "name", ["settings", "tokens", "webhooks", "account", "password", "invitations"]
)
def test_a_stranger_is_asked_to_sign_in(client: Client, name: str) -> None:
    address = reverse(f"site:{name}")
    expected = f"{reverse('site:login')}?next={address}"
    assert client.get(address)["Location"] == expected
