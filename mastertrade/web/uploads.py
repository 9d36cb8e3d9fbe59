"""Uploaded files on the disk, without a name there.

What has no name is gone when the process is, however it ends.
"""

import tempfile
from typing import IO, Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler


def nameless_file(name: str | None, content_type: str | None) -> "UploadedFile[bytes]":
    """An empty uploaded file to write to; closing it frees the disk."""
    file: IO[Any] = tempfile.TemporaryFile()  # noqa: SIM115  # the request closes it
    return UploadedFile(file, name or "", content_type or "", 0, None)


class NamelessUploadHandler(FileUploadHandler):
    """Streams what is too large for memory to a file without a name."""

    file: "UploadedFile[bytes]"

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self.file = nameless_file(self.file_name, self.content_type)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self.file.write(raw_data)

    def file_complete(self, file_size: int) -> "UploadedFile[bytes]":
        self.file.seek(0)
        self.file.size = file_size
        return self.file

    def upload_interrupted(self) -> None:
        if hasattr(self, "file"):
            self.file.close()
