"""What the admin pages of every app share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from goals.admin.figures import kind_notice
from goals.admin.forms import Autocomplete
from goals.models import Portfolio

ROWS_A_PAGE = 25
Row = TypeVar("Row", bound=Model)

if TYPE_CHECKING:
    GenericAdmin = admin.ModelAdmin
else:

    class GenericAdmin(admin.ModelAdmin):
        """`ModelAdmin[Model]` at run time too, as the type checker knows it."""

        def __class_getitem__(cls, model):
            return cls


def now_of(request: HttpRequest) -> datetime:
    """The request's one reading of the clock."""
    now = getattr(request, "_read_clock", None)
    if now is None:
        now = timezone.now()
        request._read_clock = now  # type: ignore[attr-defined]
    return cast(datetime, now)


def portfolio_of(obj: object) -> Portfolio | None:
    """The portfolio that an object is or belongs to, by the ways that lead to one."""
    if obj is None or isinstance(obj, Portfolio):
        return obj
    return next(
        (
            portfolio_of(further)
            for way in ("portfolio", "goal", "trade", "cash_flow", "policy_portfolio")
            if (further := getattr(obj, way, None)) is not None
        ),
        None,
    )


class InspectionAdmin(GenericAdmin[Row]):
    """An operator's view of what users own. Nothing is ever deleted here."""

    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    change_form_template = "admin/goals/notice.html"

    class Media:
        css = {"all": ["goals/figures.css", "goals/admin.css"]}
        js = ("goals/labels.js",)

    def page_context(self, request: HttpRequest, obj: Row | None) -> dict[str, Any]:
        """What the page of `obj`, or of a new row, shows besides its form."""
        return {"kind_notice": kind_notice(portfolio_of(obj))}

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Row | None = None,
    ) -> HttpResponse:
        context |= self.page_context(request, obj)
        return super().render_change_form(request, context, add, change, form_url, obj)

    def formfield_for_foreignkey(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = Autocomplete(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_delete_permission(
        self, request: HttpRequest, obj: Row | None = None
    ) -> bool:
        return False


class ReadOnlyAdmin(InspectionAdmin[Row]):
    """Written by services alone: here it is only looked at."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: Row | None = None
    ) -> bool:
        return False

    def get_readonly_fields(
        self, request: HttpRequest, obj: Row | None = None
    ) -> tuple[str, ...]:
        """Every field shown, computed ones too."""
        return tuple(flatten_fieldsets(self.get_fieldsets(request, obj)))


class ServiceAdmin(InspectionAdmin[Row]):
    """Created and changed by the services that its `ServiceForm` calls."""

    def get_form(
        self,
        request: HttpRequest,
        obj: Row | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> "type[ModelForm[Row]]":
        form = super().get_form(request, obj, change, **kwargs)
        call = {"now": now_of(request), "by": request.user.get_username()}
        return type(form.__name__, (form,), call)

    def save_model(
        self, request: HttpRequest, obj: Row, form: Any, change: bool
    ) -> None:
        """The form's service has saved it; what followed from that is said."""
        for words in form.notes():
            self.message_user(request, words, messages.INFO)


@dataclass(frozen=True, slots=True)
class Deed:
    """What a person does on a page, by a form whose service does it.

    `verb` is on its button.
    """

    verb: str
    form: type[Any]  # a ServiceForm
    fields: Sequence[Any]


class RecordedAdmin(ReadOnlyAdmin[Row], ServiceAdmin[Row]):
    """Recorded by `adding`, ended by `ending` while it may be; else only looked at."""

    change_form_template = "admin/goals/inspection.html"
    adding: ClassVar[Deed]
    ending: ClassVar[Deed | None] = None

    def may_end(self, request: HttpRequest, obj: Row) -> bool:
        """Whether there is something to end, rights apart."""
        return False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return admin.ModelAdmin.has_add_permission(self, request)

    def has_change_permission(
        self, request: HttpRequest, obj: Row | None = None
    ) -> bool:
        if self.ending is None or (obj is not None and not self.may_end(request, obj)):
            return False
        return admin.ModelAdmin.has_change_permission(self, request, obj)

    def deed_on(self, request: HttpRequest, obj: Row | None) -> Deed | None:
        """What the page of the object, or that of a new one, is a form for."""
        if obj is None:
            return self.adding
        return self.ending if self.has_change_permission(request, obj) else None

    def get_form(
        self,
        request: HttpRequest,
        obj: Row | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> "type[ModelForm[Row]]":
        deed = self.deed_on(request, obj)
        if deed is not None:
            kwargs["form"] = deed.form
        return super().get_form(request, obj, change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Row | None = None) -> Any:
        deed = self.deed_on(request, obj)
        shown = () if obj is None else super().get_fieldsets(request, obj)
        if deed is None:
            return shown
        # Last, so that its button is next to it.
        return (*shown, (deed.verb, {"fields": deed.fields}))

    def get_readonly_fields(
        self, request: HttpRequest, obj: Row | None = None
    ) -> tuple[str, ...]:
        if obj is None:
            return ()
        return tuple(flatten_fieldsets(super().get_fieldsets(request, obj)))

    def page_context(self, request: HttpRequest, obj: Row | None) -> dict[str, Any]:
        context = super().page_context(request, obj)
        deed = self.deed_on(request, obj)
        context["verb"] = deed.verb if deed else None
        return context if deed is None else {**context, "title": deed.verb}

    def page_after(self, obj: Row) -> str:
        """Where a deed that was done leads: to the object's page."""
        meta = self.opts
        name = f"admin:{meta.app_label}_{meta.model_name}_change"
        return reverse(name, args=[obj.pk])

    def response_post_save_add(
        self, request: HttpRequest, obj: Row
    ) -> HttpResponseRedirect:
        return HttpResponseRedirect(self.page_after(obj))

    def response_post_save_change(
        self, request: HttpRequest, obj: Row
    ) -> HttpResponseRedirect:
        return HttpResponseRedirect(self.page_after(obj))


@dataclass(frozen=True, slots=True)
class Tool:
    """A button at the top of an object's page, for who holds the permission.

    `address` gives where it leads, None where there is nothing to do.
    """

    label: str
    permission: str
    address: Callable[[Any, datetime], str | None]


@dataclass(frozen=True, slots=True)
class Section:
    """A read-only list on an object's page: newest first, 25 rows a page.

    `rows` gives the ordered rows that belong to the object, with all that the cells
    read; `columns` are (heading, cell). Shown to who may view `model`.
    """

    key: str  # the query parameter of its page number
    title: str
    model: type[Model]
    rows: Callable[[Any], QuerySet[Any] | list[Any]]
    columns: Sequence[tuple[str, Callable[[Any], Any]]]


@dataclass(frozen=True, slots=True)
class SectionPage:
    """One page of a section, ready for the template."""

    section: Section
    page: Page[Any]
    rows: list[list[tuple[str, Any]]]  # a row's cells with their headings
    newer: str
    older: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One computed figure at the top of an object's page."""

    label: str
    value: Any
    note: Any = ""


class SectionsAdmin(ServiceAdmin[Row]):
    """An object's page with figures at the top and read-only lists below the form.

    `sections` and `tools` are open: an app a floor above appends its own from its admin
    module, so that no page needs to know who looks at its object.
    """

    change_form_template = "admin/goals/inspection.html"
    sections: ClassVar[list[Section]] = []
    tools: ClassVar[list[Tool]] = []

    def headline(self, obj: Row, now: datetime) -> Sequence[Figure]:
        return ()

    def notice(self, obj: Row, now: datetime) -> str:
        """What must not be missed, above all figures; empty where there is nothing."""
        return ""

    def bar(self, obj: Row, now: datetime) -> str:
        return ""

    def page_context(self, request: HttpRequest, obj: Row | None) -> dict[str, Any]:
        context = super().page_context(request, obj)
        if obj is None:
            return context
        now = now_of(request)
        tools = [
            (tool.label, address)
            for tool in self.tools
            if request.user.has_perm(tool.permission)
            and (address := tool.address(obj, now))
        ]
        return context | {
            "now": now,
            "headline": self.headline(obj, now),
            "bar": self.bar(obj, now),
            "notice": self.notice(obj, now),
            "section_pages": self._section_pages(request, obj),
            "tools": tools,
        }

    def _section_pages(self, request: HttpRequest, obj: Row) -> list[SectionPage]:
        return [
            _turn_to_page(request, section, obj)
            for section in self.sections
            if _may_view(request, section.model)
        ]


def _may_view(request: HttpRequest, model: type[Model]) -> bool:
    options = model._meta
    return any(
        request.user.has_perm(f"{options.app_label}.{verb}_{options.model_name}")
        for verb in ("view", "change")
    )


def _turn_to_page(request: HttpRequest, section: Section, obj: Model) -> SectionPage:
    paginator = Paginator(section.rows(obj), ROWS_A_PAGE)
    page = paginator.get_page(request.GET.get(section.key))
    for row in page:
        row.shown_at = now_of(request)  # `as_of` is a column of some
    rows = [[(name, cell(row)) for name, cell in section.columns] for row in page]
    newer = older = ""
    if page.has_previous():
        newer = _address(request, section, page.previous_page_number())
    if page.has_next():
        older = _address(request, section, page.next_page_number())
    return SectionPage(section, page, rows, newer, older)


def _address(request: HttpRequest, section: Section, page_number: int) -> str:
    """This page with the section turned, every other section left where it is."""
    parameters = request.GET.copy()
    parameters[section.key] = str(page_number)
    return f"?{parameters.urlencode()}#{section.key}"
