"""What every form that changes a password offers: to revoke the user's tokens too."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AdminPasswordChangeForm
from django.db import transaction

from goals.models import ApiToken, User
from goals.services.sign_ins import revoke_tokens


class RevokesTokens(forms.Form):
    """Before one of Django's forms of passwords, whose first argument is the user."""

    user: Any
    revoke_tokens = forms.BooleanField(required=False)

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)  # type: ignore[arg-type]
        count = ApiToken.objects.filter(user=user).count()
        if count == 0:
            del self.fields["revoke_tokens"]
            return
        tokens = "the API token" if count == 1 else f"all {count} API tokens"
        self.fields[
            "revoke_tokens"
        ].label = f"Revoke {tokens} as well: bots and scripts need new ones"

    def save(self, commit: bool = True) -> Any:
        with transaction.atomic():
            user = super().save(commit)  # type: ignore[misc]
            if self.cleaned_data.get("revoke_tokens"):
                revoke_tokens(user)
        return user


class OperatorPasswordForm(RevokesTokens, AdminPasswordChangeForm):  # type: ignore[type-arg]
    """An operator gives a user a new password."""
