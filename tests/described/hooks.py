"""What schemathesis must not do: revoke the token it comes with.

And what it cannot guess: a name with its password, for which tokens are issued.
"""

import os
from typing import Any

import schemathesis

TOKEN = os.environ["DESCRIBED_TOKEN"]
SIGN_IN = {
    "username": os.environ["DESCRIBED_USER"],
    "password": os.environ["DESCRIBED_PASSWORD"],
}
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
    if case.operation.label == "POST /api/tokens/" and _is_whole_sign_in(case):
        case.body = {**case.body, **SIGN_IN}


def _is_whole_sign_in(case: Any) -> bool:
    is_meant_well = case.meta is None or case.meta.generation.mode.is_positive
    names = set(case.body) if isinstance(case.body, dict) else set()
    return is_meant_well and names >= set(SIGN_IN)
