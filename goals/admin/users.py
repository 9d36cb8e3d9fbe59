"""Users, and the tokens their bots sign in with."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission
from django.db.models import Q
from django.http import HttpRequest

from goals.admin.base import ReadOnlyAdmin
from goals.admin.passwords import OperatorPasswordForm
from goals.models import ApiToken, User
from goals.models.users import USERNAME_IS_FIXED

# Enough of a token to tell it from another, too little to use it.
TOKEN_START = 8
# What a superuser alone gives and takes.
RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")


def may_touch(operator: Any, user: User) -> bool:
    """Whether the operator may change the user: never one who may do more.

    Whoever sets a password can sign in with it. An inactive user's rights count too,
    for they come back with the tick.
    """
    if operator.is_superuser:
        return True
    if user.is_superuser:
        return False
    held = Permission.objects.filter(Q(user=user) | Q(group__user=user))
    names = {
        f"{app}.{code}"
        for app, code in held.values_list("content_type__app_label", "codename")
    }
    return bool(names <= operator.get_all_permissions())


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    """The portfolio `main` is made with the user. Nobody is deleted: deactivate."""

    list_display = ("username", "email", "is_active", "is_staff", "last_login")
    list_per_page = 50
    show_full_result_count = False
    change_password_form = OperatorPasswordForm
    change_user_password_template = "admin/goals/change_password.html"

    def has_change_permission(
        self, request: HttpRequest, obj: User | None = None
    ) -> bool:
        may = super().has_change_permission(request, obj)
        return may and (obj is None or may_touch(request.user, obj))

    def get_readonly_fields(
        self, request: HttpRequest, obj: User | None = None
    ) -> tuple[str, ...]:
        if obj is None:
            return ()
        rights = () if request.user.is_superuser else RIGHTS
        return ("username", "date_joined", "last_login", *rights)

    def get_form(
        self,
        request: HttpRequest,
        obj: User | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> Any:
        if obj is not None:
            kwargs["help_texts"] = {"username": USERNAME_IS_FIXED}
        return super().get_form(request, obj, change=change, **kwargs)

    def has_delete_permission(
        self, request: HttpRequest, obj: User | None = None
    ) -> bool:
        return False


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin):
    """Looked at by who may; changed by superusers, for a group gives rights."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(ApiToken)
class TokenAdmin(ReadOnlyAdmin):
    """Tokens are listed and revoked. Made here, one's secret would be shown to staff;
    users make their own through the API, which tells it to them alone."""

    list_display = ("start", "name", "user", "created", "expiry", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("user__username", "name")
    ordering = ("-created",)
    fields = list_display

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """To delete a token is to revoke it."""
        may = bool(request.user.has_perm("goals.delete_apitoken"))
        return may and (obj is None or may_touch(request.user, obj.user))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name the tokens by their start; their own name is a digest of 128 letters."""
        _, counts, missing, protected = super().get_deleted_objects(objs, request)
        names = [
            f"{self.start(token)} of {token.user_id}, and webhooks issued with it"
            for token in objs
        ]
        return names, counts, missing, protected

    @admin.display(description="token")
    def start(self, token: Any) -> str:
        return f"{token.token_key[:TOKEN_START]}…"
