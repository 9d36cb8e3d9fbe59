"""Staff who are no superusers: they make none, touch none, and give no rights."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from goals.models import ApiToken, User
from goals.services.sign_ins import BY_NAME_AND_ADDRESS
from goals.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
NEW = "a new and long one"
MAY = ("add_user", "change_user", "view_user", "view_group", "delete_apitoken")


def rights(*names: str) -> list[Permission]:
    return list(Permission.objects.filter(codename__in=names))


@pytest.fixture
def clerk() -> User:
    user = UserFactory(username="clerk", is_staff=True)
    user.user_permissions.set(rights(*MAY, "view_apitoken"))
    return user


@pytest.fixture
def browser(clerk: User, client: Client) -> Client:
    client.force_login(clerk)
    return client


def change(browser: Client, user: User, **fields: Any) -> Any:
    form = {"username": user.username, "email": "new@example.com", **fields}
    return browser.post(reverse("admin:goals_user_change", args=[user.pk]), form)


def set_password(browser: Client, user: User, **fields: Any) -> Any:
    form = {"usable_password": "true", "password1": NEW, "password2": NEW, **fields}
    address = reverse("admin:auth_user_password_change", args=[user.pk])
    return browser.post(address, form)


def reread(user: User) -> User:
    return User.objects.get(pk=user.pk)


def test_they_change_a_trader_and_give_nobody_rights(browser: Client) -> None:
    trader = UserFactory()
    group = Group.objects.create(name="all")
    extra = rights("delete_user")[0]
    answer = change(
        browser,
        trader,
        is_staff="on",
        is_superuser="on",
        groups=[group.pk],
        user_permissions=[extra.pk],
    )
    assert answer.status_code == 302
    found = reread(trader)
    assert not found.is_staff
    assert found.email == "new@example.com"
    assert not found.is_superuser
    assert not found.groups.exists()
    assert not found.user_permissions.exists()


def test_they_give_themselves_no_rights(browser: Client, clerk: User) -> None:
    change(browser, clerk, is_superuser="on", is_staff="on", is_active="on")
    assert not reread(clerk).is_superuser
    assert reread(clerk).user_permissions.count() == len(MAY) + 1


def test_they_take_no_rights_from_one_another(browser: Client) -> None:
    """Whose rights are no more than theirs, they may change; the rights stay."""
    colleague = UserFactory(is_staff=True)
    colleague.user_permissions.set(rights("view_user"))
    colleague.groups.add(Group.objects.create(name="empty"))
    assert change(browser, colleague).status_code == 302
    found = reread(colleague)
    assert found.email == "new@example.com"
    assert found.is_staff
    assert found.user_permissions.count() == found.groups.count() == 1


def test_their_list_of_users_offers_no_action_and_no_field_to_change(
    browser: Client,
) -> None:
    superuser = make_superuser()
    address = reverse("admin:goals_user_changelist")
    page = browser.get(address)
    assert page.context["cl"].formset is None
    assert page.context["action_form"] is None
    for action in ("delete_selected", "make_superuser"):
        form = {"action": action, "_selected_action": [superuser.pk], "post": "yes"}
        browser.post(address, form)
    fields = {"form-0-id": superuser.pk, "form-0-is_superuser": "", "_save": "Save"}
    counts = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1"}
    browser.post(address, fields | counts)
    assert reread(superuser).is_superuser


@pytest.mark.parametrize("field", ["is_staff", "is_superuser"])
def test_a_form_sent_again_by_somebody_demoted_gives_nothing(
    clerk: User, client: Client, field: str
) -> None:
    """Who was a superuser when the form was opened is asked anew when it comes."""
    User.objects.filter(pk=clerk.pk).update(is_superuser=True)
    client.force_login(clerk)
    trader = UserFactory()
    client.get(reverse("admin:goals_user_change", args=[trader.pk]))
    User.objects.filter(pk=clerk.pk).update(is_superuser=False)
    change(client, trader, **{field: "on"})
    assert not getattr(reread(trader), field)


def test_a_user_they_make_has_no_rights(browser: Client) -> None:
    form = {
        "username": "new",
        "usable_password": "true",
        "password1": NEW,
        "password2": NEW,
        "is_superuser": "on",
        "is_staff": "on",
    }
    assert browser.post(reverse("admin:goals_user_add"), form).status_code == 302
    made = User.objects.get(username="new")
    assert (made.is_superuser, made.is_staff) == (False, False)


def make_superuser(**fields: Any) -> User:
    return UserFactory(is_superuser=True, is_staff=True, **fields)


def make_richer(**fields: Any) -> User:
    user = UserFactory(is_staff=True, **fields)
    user.user_permissions.set(rights("change_portfolio"))
    return user


def make_richer_by_a_group(**fields: Any) -> User:
    user = UserFactory(is_staff=True, **fields)
    group = Group.objects.create(name="operators")
    group.permissions.set(rights("change_portfolio"))
    user.groups.add(group)
    return user


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("make", [make_superuser, make_richer, make_richer_by_a_group])
def test_they_touch_nobody_who_may_do_more(
    browser: Client, make: Any, active: bool
) -> None:
    """Not even one who is inactive: activated, a password of theirs would do."""
    user = make(is_active=active)
    token, _ = ApiToken.objects.create(user)
    assert change(browser, user, is_active="on").status_code == 403
    assert set_password(browser, user).status_code == 403
    revoke = reverse("admin:goals_apitoken_delete", args=[token.pk])
    assert browser.post(revoke, {"post": "yes"}).status_code == 403
    browser.post(
        reverse("admin:goals_apitoken_changelist"),
        {"action": "delete_selected", "_selected_action": [token.pk], "post": "yes"},
    )
    assert ApiToken.objects.filter(pk=token.pk).exists()
    found = reread(user)
    assert (found.email, found.is_active) == ("", active)
    assert found.password == user.password


def test_they_change_no_group(browser: Client, clerk: User) -> None:
    clerk.user_permissions.add(*rights("change_group", "add_group", "delete_group"))
    group = Group.objects.create(name="clerks")
    form = {"name": "clerks", "permissions": [rights("delete_user")[0].pk]}
    for view, args in (("change", [group.pk]), ("add", []), ("delete", [group.pk])):
        address = reverse(f"admin:auth_group_{view}", args=args)
        assert browser.post(address, {**form, "post": "yes"}).status_code == 403
    assert not Group.objects.get().permissions.exists()


def test_a_superuser_gives_rights(operator: Client) -> None:
    user = UserFactory()
    change(operator, user, is_superuser="on")
    assert reread(user).is_superuser


# Passwords and tokens


@pytest.mark.parametrize(("ticked", "left"), [({}, 2), ({"revoke_tokens": "on"}, 0)])
def test_an_operator_may_revoke_the_tokens_with_a_new_password(
    operator: Client, ticked: dict[str, str], left: int
) -> None:
    user, other = UserFactory(), UserFactory()
    for owner in (user, user, other):
        ApiToken.objects.create(owner)
    address = reverse("admin:auth_user_password_change", args=[user.pk])
    assert "Revoke all 2 API tokens" in operator.get(address).content.decode()
    assert set_password(operator, user, **ticked).status_code == 302
    assert reread(user).check_password(NEW)
    assert ApiToken.objects.filter(user=user).count() == left
    assert ApiToken.objects.filter(user=other).count() == 1


@pytest.mark.parametrize(("ticked", "left"), [({}, 1), ({"revoke_tokens": "on"}, 0)])
def test_ones_own_new_password_may_revoke_the_tokens(
    client: Client, ticked: dict[str, str], left: int
) -> None:
    user = UserFactory(password="the old one")
    ApiToken.objects.create(user)
    client.force_login(user)
    page = client.get(reverse("site:password")).content.decode()
    assert "Revoke the API token" in page
    form = {"old_password": "the old one", "new_password1": NEW, "new_password2": NEW}
    answer = client.post(reverse("site:password"), {**form, **ticked})
    assert answer.status_code == 302
    assert reread(user).check_password(NEW)
    assert ApiToken.objects.count() == left
    assert client.get("/").status_code == 200  # still signed in


def test_a_wrong_old_password_changes_and_revokes_nothing(client: Client) -> None:
    user = UserFactory(password="the old one")
    ApiToken.objects.create(user)
    client.force_login(user)
    form = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}
    client.post(reverse("site:password"), {**form, "revoke_tokens": "on"})
    assert reread(user).check_password("the old one")
    assert ApiToken.objects.count() == 1


def test_the_old_password_is_guessed_as_slowly_as_at_the_door(client: Client) -> None:
    user = UserFactory(password="the old one")
    client.force_login(user)
    form = {"new_password1": NEW, "new_password2": NEW}
    address = reverse("site:password")
    for _ in range(BY_NAME_AND_ADDRESS.tries):
        assert client.post(address, {**form, "old_password": "no"}).status_code == 422
    answer = client.post(address, {**form, "old_password": "the old one"})
    assert answer.status_code == 429
    assert reread(user).check_password("the old one")


def test_without_tokens_nothing_is_offered(client: Client) -> None:
    client.force_login(UserFactory())
    page = client.get(reverse("site:password")).content.decode()
    assert "Revoke" not in page


def test_the_admin_leads_to_the_page_for_ones_own_password(operator: Client) -> None:
    answer = operator.get(reverse("admin:password_change"))
    assert answer["Location"] == reverse("site:password")


def test_a_stranger_is_asked_to_sign_in(client: Client) -> None:
    answer = client.get(reverse("site:password"))
    assert answer["Location"].startswith(reverse("site:login"))
