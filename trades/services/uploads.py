"""The file that a user looks at before it is imported: one each, for an hour."""

import codecs
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import connection, transaction

from goals.models import User
from mastertrade.db.transactions import atomic
from mastertrade.values.exceptions import InvalidInput, NotFound
from mastertrade.values.validation import HIDDEN, HIDDEN_FOUND
from trades.enums import JobKind
from trades.importing.recognising import HEAD_BYTES
from trades.models import ImportUpload, UserJob
from trades.models.mappings import LARGEST_MAPPING
from trades.services.jobs import YOUNGEST_STRAY, create_job, remove_files, store_files

LONGEST_NAME = 200
LINE_ENDS = {
    codecs.BOM_UTF16_LE: "\n".encode("utf-16-le"),
    codecs.BOM_UTF16_BE: "\n".encode("utf-16-be"),
}
TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtextextended('upload of ' || %s, 0))"


def save_upload(
    *,
    user: User,
    file: "UploadedFile[bytes]",
    choices: Mapping[str, Any],
    now: datetime,
) -> ImportUpload:
    """Keep a file on the disk, in place of the one that the user looked at before."""
    directory = store_files({"file": file})
    try:
        return _replace(user, file, directory, dict(choices), now)
    except BaseException:
        remove_files(directory)
        raise


@atomic
def _replace(
    user: User,
    file: "UploadedFile[bytes]",
    directory: str,
    choices: dict[str, Any],
    now: datetime,
) -> ImportUpload:
    with connection.cursor() as cursor:
        cursor.execute(TAKE_TURNS, [user.username])
    _drop(user)
    return ImportUpload.objects.create(
        user=user,
        directory=directory,
        file_name=(file.name or "file")[-LONGEST_NAME:],
        size=file.size or 0,
        choices=choices,
        created_at=now,
    )


def _drop(user: User) -> None:
    for before in ImportUpload.objects.filter(user=user):
        place = before.directory
        before.delete()
        transaction.on_commit(lambda place=place: remove_files(place))  # type: ignore[misc]


def find_upload(user: User, upload_id: int, now: datetime) -> ImportUpload:
    """The file a user looks at; `NotFound` where it is another one, or gone."""
    mine = ImportUpload.objects.filter(user=user, pk=upload_id)
    found = mine.filter(created_at__gt=now - YOUNGEST_STRAY).first()
    if found is None or not path_of(found).is_file():
        raise NotFound(
            "This file is not here any more: it was replaced by another one, imported, "
            "or an hour has passed. Choose it again."
        )
    return found


def path_of(upload: ImportUpload) -> Path:
    place = Path(settings.JOB_FILES) / upload.directory
    return next(iter(place.glob("file/*")), place / "file" / "gone")


def read_head(upload: ImportUpload) -> bytes:
    """The beginning of the file, up to the end of a line."""
    with path_of(upload).open("rb") as source:
        return whole_lines(source)


def whole_lines(source: "BinaryIO | UploadedFile[bytes]") -> bytes:
    """The beginning of a file, up to the end of a line."""
    source.seek(0)
    head = source.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES:
        return head
    line_end = LINE_ENDS.get(head[:2], b"\n")
    end = head.rfind(line_end)
    while end % len(line_end):  # between two characters of two bytes
        end = head.rfind(line_end, 0, end + 1)
    return head if end < 0 else head[: end + len(line_end)]


def keep_choices(upload: ImportUpload, choices: Mapping[str, Any]) -> None:
    """Store what was chosen so far; `InvalidInput` where it is too much, or hidden."""
    if HIDDEN.search("".join(_texts(choices))):
        raise InvalidInput("mapping", HIDDEN_FOUND)
    if len(json.dumps(choices)) > LARGEST_MAPPING:
        raise InvalidInput(
            "mapping", f"is larger than {LARGEST_MAPPING // 2:,} characters."
        )
    upload.choices = dict(choices)
    upload.save(update_fields=["choices"])


def _texts(value: Any) -> Iterator[str]:
    """All texts in a JSON value, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from value
        yield from _texts(list(value.values()))
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)


@atomic
def import_upload(
    *, upload: ImportUpload, arguments: Mapping[str, Any], now: datetime
) -> UserJob:
    """Have the worker import the file, as `POST /api/trades/import/` would."""
    locked = ImportUpload.objects.select_for_update().filter(pk=upload.pk).first()
    if locked is None:
        raise NotFound("This file is imported already, or was replaced.")
    job = create_job(
        user=upload.user,
        kind=JobKind.IMPORT,
        arguments={**arguments, "file_name": upload.file_name},
        now=now,
        directory=upload.directory,
    )
    locked.delete()
    return job
