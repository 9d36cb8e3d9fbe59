"""The process that sends to addresses of users: `python -m goals.channels.sender`.

It knows neither settings nor database nor secrets but those of the message at hand.
Requests come as lines of JSON on standard input and are answered on standard output,
one after the other; it ends when the input does. `senders` starts and ends it.
"""

import json
import os
import resource
import socket
import sys
from typing import Any

from goals.channels import CHANNELS
from goals.channels.channel import Message, NotSent
from goals.channels.guard import guard_process
from goals.enums import ChannelKind
from mastertrade.values.exceptions import InvalidInput

# What an answer, or its decompression, can use up at most.
MOST_MEMORY = 2**30


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a library that prints does not answer
    socket.getaddrinfo("localhost", 0)  # loads its encodings
    guard_process(private_targets=sys.argv[1:] == ["--private-targets"])
    print("{}", file=answers, flush=True)  # ready
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), file=answers, flush=True)


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """`{"answer": …}`, `{"wrong": …}` or `{"error": …, "no_answer": …}`.

    Without a message the address is only checked.
    """
    channel = CHANNELS[ChannelKind(request["kind"])]
    try:
        if request["message"] is None:
            if channel.check_guarded is not None:
                channel.check_guarded(request["address"])
            return {"answer": ""}
        message = Message(**request["message"])
        given = channel.send(request["address"], request["secret"], message)
    except InvalidInput as error:
        return {"wrong": error.detail}
    except NotSent as error:
        return {"error": error.reason, "no_answer": error.no_answer}
    except Exception as error:
        # Of a library that was given a user's address: its words may hold it.
        words = f"Sending failed ({type(error).__name__})."
        return {"error": words, "no_answer": False}
    return {"answer": given}


if __name__ == "__main__":
    main()
