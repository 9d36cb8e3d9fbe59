"""What schemathesis must not do: revoke the token it comes with."""

import os
from typing import Any

import schemathesis

TOKEN = os.environ["DESCRIBED_TOKEN"]
# The part of a token that its address has.
OWN_KEY_LENGTH = 15


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: Any) -> Any:
    named = (path_parameters or {}).get("token_key")
    if isinstance(named, str) and named and TOKEN.startswith(named):
        return {**path_parameters, "token_key": "not-this-one"}
    return path_parameters


@schemathesis.hook
def before_call(context: Any, case: Any, **kwargs: Any) -> None:
    """The same for what a link took from an answer."""
    case.path_parameters = map_path_parameters(context, case.path_parameters)
