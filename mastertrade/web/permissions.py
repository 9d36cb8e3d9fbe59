"""What a request needs besides credentials; imported before the framework's views."""

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request


class KnowsParameters(BasePermission):
    """Nothing is changed by a request with an unknown parameter in its query.

    The last of a view's permissions: without credentials the answer is 401, for an
    unknown object of the address 404 (by the handler of errors), and then 400.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        from mastertrade.web.parameters import find_wrong

        if request.method in SAFE_METHODS:
            return True
        if wrong := find_wrong(request, type(view)):
            raise ValidationError(wrong)
        return True
