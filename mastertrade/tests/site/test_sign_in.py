"""Signing in and out, and forgotten passwords."""

import re
from urllib.parse import quote

import pytest
from django.conf import LazySettings
from django.core import mail
from django.test import Client
from django.urls import reverse
from procrastinate.contrib.django.models import ProcrastinateJob

from goals.models import ApiToken, User
from goals.services.password_resets import BY_MAIL, send_reset
from goals.services.sign_ins import BY_LINK
from goals.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
LOGIN, RESET = reverse("site:login"), reverse("site:reset")
PASSWORD, NEW = "correct horse battery", "a new one of these"
ROOT = "https://mastertrade.example"


@pytest.fixture
def ada() -> User:
    return UserFactory(username="ada", password=PASSWORD, email="ada@example.com")


@pytest.fixture
def with_mail(settings: LazySettings) -> None:
    settings.HAS_MAIL, settings.SITE_URL = True, ROOT


def sign_in(client: Client, following: str) -> str:
    body = {"username": "ada", "password": PASSWORD, "next": following}
    location: str = client.post(LOGIN, body)["Location"]
    return location


def jobs() -> list[dict[str, str]]:
    queued = ProcrastinateJob.objects.filter(task_name="password_reset")
    return list(queued.order_by("id").values_list("args", flat=True))


def ask(client: Client, email: str) -> tuple[int, str]:
    answer = client.post(RESET, {"email": email})
    return answer.status_code, answer["Location"]


def do_jobs() -> None:
    """As the worker does them."""
    for arguments in jobs():
        send_reset(**arguments)


def link_in_mail() -> str:
    (link,) = re.findall(rf"{ROOT}(/reset/\S+)", mail.outbox[-1].body)
    return str(link)


@pytest.mark.parametrize(
    ("following", "leads"),
    [
        ("/settings/tokens/", "/settings/tokens/"),
        ("", "/welcome/"),
        ("https://evil.example/", "/welcome/"),
        ("//evil.example/", "/welcome/"),
        ("javascript:alert(1)", "/welcome/"),
        ("/\\evil.example", "/welcome/"),
    ],
)
def test_signing_in_leads_to_pages_of_this_site_alone(
    client: Client, ada: User, following: str, leads: str
) -> None:
    assert sign_in(client, following) == leads


@pytest.mark.parametrize("door", ["login", "reset", "password"])
def test_a_refused_form_is_answered_as_on_other_pages(
    client: Client, ada: User, door: str
) -> None:
    if door == "password":
        client.force_login(ada)
    answer = client.post(reverse(f"site:{door}"), {"username": "ada", "password": "x"})
    assert answer.status_code == 422
    assert answer.context["form"].errors


def test_signing_in_begins_a_new_session(client: Client, ada: User) -> None:
    session = client.session
    session["seen"] = True
    session.save()
    before = session.session_key
    client.cookies["sessionid"] = before
    sign_in(client, "")
    assert client.session.session_key != before


def test_signing_out_takes_a_post_and_ends_the_session(
    client: Client, ada: User
) -> None:
    sign_in(client, "")
    assert client.get(reverse("site:logout")).status_code == 405
    assert client.post(reverse("site:logout"))["Location"] == LOGIN
    assert client.get("/settings/").status_code == 302


def test_what_is_sent_after_the_session_ended_is_said_not_to_be_taken(
    client: Client, ada: User
) -> None:
    page, sent = "/trades/new/?portfolio=5", reverse("site:trades") + "7/void/"
    answer = client.post(
        sent, {"reason": "typed"}, headers={"Referer": f"http://testserver{page}"}
    )
    assert answer["Location"] == f"{LOGIN}?next={quote(page, safe='/')}"
    said = client.get(answer["Location"]).content.decode()
    assert "signed out before this was sent" in said
    # Of another site's page, and of none, one comes to the first page.
    for elsewhere in ("https://evil.example/x", ""):
        answer = client.post(sent, headers={"Referer": elsewhere})
        assert answer["Location"] == f"{LOGIN}?next=/"


def test_a_part_of_a_page_is_no_page_to_sign_in(client: Client, ada: User) -> None:
    for send in (client.get, client.post):
        answer = send("/goals/1/what-if/", headers={"HX-Request": "true"})
        assert (answer.status_code, answer.content) == (401, b"")


def test_without_mail_the_page_says_who_helps(client: Client, ada: User) -> None:
    assert RESET in client.get(LOGIN).content.decode()
    page = client.get(RESET).content.decode()
    assert "This site sends no mail" in page
    ask(client, "ada@example.com")
    assert jobs() == []


def test_a_forgotten_password_is_set_anew(
    client: Client, ada: User, with_mail: None
) -> None:
    other = Client()
    other.force_login(ada)
    ApiToken.objects.create(ada)
    assert ask(client, "ada@example.com") == (302, reverse("site:reset-sent"))
    assert mail.outbox == []
    do_jobs()
    (sent,) = mail.outbox
    assert sent.to == ["ada@example.com"]
    form = client.get(link_in_mail())["Location"]
    assert form.endswith("/set-password/")
    assert "Revoke the API token" in client.get(form).content.decode()
    body = {"new_password1": NEW, "new_password2": NEW, "revoke_tokens": "on"}
    assert client.post(form, body)["Location"] == LOGIN
    assert User.objects.get(pk=ada.pk).check_password(NEW)
    assert not ApiToken.objects.exists()
    assert other.get("/settings/").status_code == 302
    used = client.get(link_in_mail())
    assert "The link does not work" in used.content.decode()


def test_the_answer_is_the_same_whoever_has_the_address(
    client: Client, ada: User, with_mail: None
) -> None:
    known, unknown = ask(client, "ada@example.com"), ask(client, "eve@example.com")
    assert known == unknown
    assert [one["email"] for one in jobs()] == ["ada@example.com", "eve@example.com"]
    do_jobs()
    assert [one.to for one in mail.outbox] == [["ada@example.com"]]


def test_an_inactive_user_gets_no_link(ada: User, with_mail: None) -> None:
    User.objects.update(is_active=False)
    send_reset("ada@example.com", ROOT)
    assert mail.outbox == []


def test_a_mail_server_that_fails_lets_the_job_be_done_again(
    ada: User, settings: LazySettings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    with pytest.raises(OSError, match="refused"):
        send_reset("ada@example.com", ROOT)


def test_one_mail_address_gets_few_links_and_nobody_sees_it(
    ada: User, with_mail: None
) -> None:
    for number in range(BY_MAIL.tries + 2):
        browser = Client(REMOTE_ADDR=f"203.0.113.{number}")
        assert ask(browser, "Ada@example.com")[0] == 302
    assert len(jobs()) == BY_MAIL.tries


def test_one_visitor_asks_for_few_links(client: Client, with_mail: None) -> None:
    for number in range(BY_LINK.tries):
        assert ask(client, f"{number}@example.com")[0] == 302
    answer = client.post(RESET, {"email": "last@example.com"})
    assert answer.status_code == 429
    assert "Too many requests" in answer.content.decode()


def test_a_weak_new_password_is_refused(
    client: Client, ada: User, with_mail: None
) -> None:
    send_reset("ada@example.com", ROOT)
    form = client.get(link_in_mail())["Location"]
    answer = client.post(form, {"new_password1": "123", "new_password2": "123"})
    assert answer.status_code == 422
    assert "too short" in answer.content.decode()
    assert User.objects.get(pk=ada.pk).check_password(PASSWORD)


def test_an_unknown_address_has_a_page_and_below_the_api_json(client: Client) -> None:
    page = client.get("/nothing/")
    assert page.status_code == 404
    assert "There is no such page" in page.content.decode()
    answer = client.get("/api/nothing/")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
