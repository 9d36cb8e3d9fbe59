"""Users, and the tokens their bots sign in with."""

from typing import Any

import knox.admin  # noqa: F401  (registers the token first, so that it can be replaced)
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from knox.models import AuthToken

from goals.admin import figures
from goals.admin.base import InspectionAdmin, ReadOnlyAdmin
from goals.models import User
from goals.models.users import USERNAME_IS_FIXED

# Enough of a token to tell it from another, too little to use it.
TOKEN_START = 8


@admin.register(User)
class UserAdmin(InspectionAdmin[User], DjangoUserAdmin):  # type: ignore[type-arg]
    """The portfolio `main` is made with the user. Nobody is deleted: deactivate."""

    list_display = ("username", "email", "is_active", "is_staff", "joined", "seen")

    def get_readonly_fields(
        self, request: HttpRequest, obj: User | None = None
    ) -> tuple[str, ...]:
        return () if obj is None else ("username", "joined", "seen")

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return super().get_fieldsets(request, obj)
        return (
            *(super().get_fieldsets(request, obj)[:-1]),
            ("Dates", {"fields": ("joined", "seen")}),
        )

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

    @admin.display(ordering="date_joined")
    def joined(self, user: User) -> SafeString:
        return figures.instant(user.date_joined)

    @admin.display(description="last signed in", ordering="last_login")
    def seen(self, user: User) -> SafeString:
        return figures.instant(user.last_login)


admin.site.unregister(AuthToken)


@admin.register(AuthToken)
class TokenAdmin(ReadOnlyAdmin[Any]):
    """Tokens are listed and revoked. Made here, one's secret would be shown to staff;
    users make their own through the API, which tells it to them alone."""

    list_display = ("start", "user", "made", "ends")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    ordering = ("-created",)
    fields = ("start", "user", "made", "ends")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """To delete a token is to revoke it."""
        return bool(request.user.has_perm("knox.delete_authtoken"))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name the tokens by their start; their own name is a digest of 128 letters."""
        _, counts, missing, protected = super().get_deleted_objects(objs, request)
        names = [f"{self.start(token)} of {token.user_id}" for token in objs]
        return names, counts, missing, protected

    @admin.display(description="token")
    def start(self, token: Any) -> str:
        return f"{token.token_key[:TOKEN_START]}…"

    @admin.display(description="made", ordering="created")
    def made(self, token: Any) -> SafeString:
        return figures.instant(token.created)

    @admin.display(description="ends", ordering="expiry")
    def ends(self, token: Any) -> SafeString:
        return figures.instant(token.expiry)
