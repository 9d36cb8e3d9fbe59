"""HTTP: importing trades from files."""

import logging
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from goals.api.authentication import signed_in
from goals.models import User
from mastertrade.values.exceptions import ImportNotUndone, OutOfRange, TooManyJobs
from mastertrade.values.messages import counted
from mastertrade.web.api_fields import NoFieldsSerializer, read_body
from mastertrade.web.api_lists import ListView
from trades.api.filters import ImportFilter
from trades.api.serializers.imports import (
    ImportReportSerializer,
    ImportUploadSerializer,
    TradeImportSerializer,
)
from trades.api.serializers.jobs import JobSerializer
from trades.api.views.jobs import BACKGROUND, accepted, read_flag, refuse_unknown
from trades.api.views.uploads import (
    CSVBodyParser,
    JSONBodyParser,
    JSONLinesBodyParser,
    PlainNegotiation,
    refuse_slow_reading,
    refuse_slow_upload,
)
from trades.booking.undo_import import undo_import
from trades.enums import JobKind
from trades.importing.import_trades import catch_up_imported, import_trades
from trades.importing.mapped.mapping import show_mapping
from trades.importing.options import read_options
from trades.importing.previewing import ImportReport
from trades.models import TradeImport
from trades.services.jobs import create_job
from trades.services.mappings import find_mapping

FILES = ("file", "fx_rates_file")
logger = logging.getLogger(__name__)


class ImportTradesView(APIView):
    body_limit = "upload"
    parameters = {"POST": (*ImportUploadSerializer().fields, "partial", "background")}
    refusals = {"POST": (OutOfRange, TooManyJobs)}
    parser_classes = (
        MultiPartParser,
        CSVBodyParser,
        JSONBodyParser,
        JSONLinesBodyParser,
    )
    content_negotiation_class = PlainNegotiation

    @extend_schema(
        request={"multipart/form-data": ImportUploadSerializer},
        parameters=[
            OpenApiParameter(
                "partial", bool, description="Import the rows that are not refused."
            ),
            BACKGROUND,
        ],
        responses={
            200: ImportReportSerializer,
            201: ImportReportSerializer,
            202: JobSerializer,
        },
    )
    def post(self, request: Request) -> Response:
        """Import a file of trades; rows that are known already are not added again.

        The file comes in a form, or as the body itself (`text/csv`,
        `application/json`, `application/x-ndjson`) with the other fields in the query.
        If a row is refused the answer is 400 and nothing is imported, unless
        `?partial=1`: then all others are. A file that would take longer than a request
        may is refused before it is read, unless `?background=1`: then the answer is 202
        with the job that imports it, whose result is the same report.
        """
        data: Any = request.data
        try:
            return self._import(request, data)
        finally:
            close = getattr(data.get("file"), "close", None)
            if close is not None:
                close()

    def _import(self, request: Request, data: Any) -> Response:
        asked = read_body(self, ImportUploadSerializer, data)
        user, now = signed_in(request), timezone.now()
        partial = read_flag(request, "partial")
        if read_flag(request, "background"):
            refuse_unknown(self)
            return _defer(user, _with_mapping(user, asked), partial, now)
        refuse_slow_upload(asked, user.username)
        asked = _with_mapping(user, asked)
        report = import_trades(
            user=user,
            source=asked["file"],
            file_name=asked["file"].name,
            format_name=asked["format"],
            now=now,
            portfolio=asked.get("portfolio"),
            partial=partial,
            options=read_options(asked, asked.get("fx_rates_file")),
            progress=refuse_slow_reading(),
        )
        _catch_up(user, asked.get("portfolio"), report, now)
        answer = ImportReportSerializer(report).data
        if report.refused and report.import_id is None and not partial:
            rows = counted(report.refused, "row")
            words = f"{rows} refused, so nothing was imported."
            return Response({"file": [words], **answer}, status.HTTP_400_BAD_REQUEST)
        made = report.import_id is not None
        return Response(answer, status.HTTP_201_CREATED if made else status.HTTP_200_OK)


class UndoImportView(APIView):
    subject = (TradeImport, "user_id")
    refusals = {"POST": (ImportNotUndone,)}

    @extend_schema(request=None, responses=TradeImportSerializer)
    def post(self, request: Request, import_id: int) -> Response:
        """Void all trades of an import; its file may then be imported again.

        Open trades of before that it closed, whole or in part, are as they were. All or
        nothing: 409 `import_not_undone` where something depends on one of its
        trades, such as a later close, with the trade's key. One that was undone before
        stays as it is.
        """
        read_body(self, NoFieldsSerializer)
        undone = undo_import(
            user=signed_in(request), import_id=import_id, now=timezone.now()
        )
        return Response(TradeImportSerializer(undone.row).data)


class ImportListView(ListView[TradeImport]):
    """The files the user imported, newest first."""

    serializer_class: Any = TradeImportSerializer
    filterset_class = ImportFilter
    ordering_fields = ("import_id", "created_at", "file_name")
    ordering = ("-import_id",)

    def get_queryset(self) -> QuerySet[TradeImport]:
        return TradeImport.objects.filter(user_id=self.request.user.get_username())


def _with_mapping(user: User, asked: dict[str, Any]) -> dict[str, Any]:
    """With the mapping itself in place of its name: what it is now counts."""
    if "mapping" not in asked:
        return asked
    return {**asked, "mapping": show_mapping(find_mapping(user, asked["mapping"]))}


def _defer(user: User, asked: dict[str, Any], partial: bool, now: datetime) -> Response:
    files = {name: asked[name] for name in FILES if name in asked}
    texts = {name: asked[name] for name in asked if name not in FILES}
    arguments = {**texts, "partial": partial, "file_name": asked["file"].name}
    return accepted(
        create_job(
            user=user, kind=JobKind.IMPORT, arguments=arguments, files=files, now=now
        )
    )


def _catch_up(
    user: User, portfolio: int | str | None, report: ImportReport, now: datetime
) -> None:
    """What is imported is imported, whatever becomes of this; a later call mends it."""
    try:
        catch_up_imported(user, portfolio, report, now)
    except Exception:
        logger.exception("The records after import %s are behind", report.import_id)
