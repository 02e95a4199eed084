"""Registries: the kinds of each axis (encoders, losses, file formats, ...), built in or of installed packages.

An entry holds what the configuration needs to know of a kind, and the dotted paths of its code (``MODULE:NAME``), which
is imported when it is used. So the configuration, ``--help`` and shell completion know all kinds without torch.

A package adds a kind by an entry point: its group is that of the registry, its name the kind, and its object an entry:

    [project.entry-points."nlptrain.encoders"]
    mlp = "my_package.plugin:MLP"
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar, Union

from pydantic import Field, GetCoreSchemaHandler, Tag, create_model, model_validator
from pydantic_core import CoreSchema, core_schema

from nlptrain.config.section import Invalid, Section, by_tag
from nlptrain.errors import InputError, Setting, suggestion

GROUPS = "nlptrain."  # of entry points
_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True)
class Entry:
    """A kind of an axis; each axis has a subclass with the dotted paths of its code."""


E = TypeVar("E", bound=Entry)
S = TypeVar("S", bound="KindSection")

_ALL: list[Registry[Any]] = []


@dataclass(frozen=True)
class Plugin:
    """An entry point of an installed package.

    Attributes:
        group: of the registry, e.g. ``nlptrain.encoders``.
        kind: that it adds.
        package: name and version of the package.
        fault: why it cannot be used; "": it can.
    """

    group: str
    kind: str
    package: str
    fault: str = ""


@dataclass
class Registry(Generic[E]):
    """The kinds of one axis.

    Attributes:
        axis: what one of them is called in messages, e.g. ``encoder``.
        key: the configuration key that names the kind, for messages.
        group: of the entry points that add kinds.
        entry_type: class of the entries.
        builtin: the entries of this package.
    """

    axis: str
    key: str
    group: str
    entry_type: type[E]
    builtin: Mapping[str, E]
    _faults: dict[str, Plugin] = field(default_factory=dict, init=False, repr=False)
    _packages: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Add the registry to those whose plug-ins are listed."""
        _ALL.append(self)

    @cached_property
    def entries(self) -> dict[str, E]:
        """The entry of each kind that can be used, the built-in ones first."""
        entries = dict(self.builtin)
        for point in sorted(_entry_points().get(self.group, ()), key=lambda point: (point.name, _package(point))):
            entry, fault = self._load_entry(point, entries)
            self._packages.setdefault(point.name, _package(point))
            if entry is not None:
                entries[point.name] = entry
            else:
                self._faults[point.name] = Plugin(self.group, point.name, _package(point), fault)
                if point.name not in self.builtin:
                    entries.pop(point.name, None)
        return entries

    def _load_entry(self, point: EntryPoint, entries: Mapping[str, E]) -> tuple[E | None, str]:
        """Return the entry of a plug-in, or None and why it cannot be used."""
        if point.name in entries:
            return None, f"{self._packages.get(point.name, 'nlptrain')} has a kind of this name, too"
        try:
            entry = point.load()
        except (Exception, SystemExit) as error:  # whatever another package raises; an error only if the kind is used
            return None, f"{type(error).__name__}: {error}"
        if not isinstance(entry, self.entry_type):
            return None, f"{point.value} is no {self.entry_type.__name__}"
        if isinstance(entry, ConfiguredEntry):
            kind = entry.config.model_fields.get(entry.config.tag)
            if kind is None or kind.default != point.name:
                expected = f"the field {entry.config.tag} with the only value and default {point.name!r}"
                return None, f"{entry.config.__name__} must have {expected}"
        return entry, ""

    def __iter__(self) -> Iterator[str]:
        """Yield the names of all kinds that can be used."""
        return iter(self.entries)

    def items(self) -> Iterator[tuple[str, E]]:
        """Yield the kinds that can be used, with their entries."""
        yield from self.entries.items()

    def __getitem__(self, kind: str) -> E:
        """Return the entry of ``kind``.

        Raises:
            InputError: there is no such kind, or its package cannot be imported.
        """
        if kind in self.entries:
            return self.entries[kind]
        if kind in self._faults:
            raise InputError(self.fault(kind), location=Setting(self.key), hint=self.repair(kind))
        raise InputError(
            f"found the {self.axis} {kind!r}",
            location=Setting(self.key),
            expected=f"one of {', '.join(self.entries)}",
            hint=suggestion(kind, self.entries) or "other kinds come with packages that must be installed",
        )

    def load(self, kind: str, path: str) -> Any:  # noqa: ANN401 - whatever the path names
        """Import the object at ``path`` (``MODULE:NAME``) of the entry of ``kind``.

        Raises:
            InputError: the kind has no such code, or the package of a plug-in cannot be imported.
        """
        if not path:
            raise InputError(f"the {self.axis} {kind!r} has no code of its own", location=Setting(self.key))
        module, _, name = path.partition(":")
        try:
            return getattr(importlib.import_module(module), name)
        except Exception as error:
            if kind in self.builtin:
                raise
            raise InputError(
                f"{path} of the package {self.package(kind)} cannot be imported ({type(error).__name__}: {error})",
                location=Setting(self.key),
                hint=self.repair(kind),
            ) from error

    def code(self, kind: str) -> list[str]:
        """Return the dotted paths of the code of a plug-in, [] if ``kind`` is built in."""
        if kind in self.builtin:
            return []
        return [value for value in vars(self[kind]).values() if isinstance(value, str) and _PATH.fullmatch(value)]

    def package(self, kind: str) -> str:
        """Return name and version of the package that adds ``kind``, "" if it is built in."""
        return "" if kind in self.builtin else self._packages.get(kind, "")

    def fault(self, kind: str) -> str:
        """Return why a plug-in cannot be used, "" if it can."""
        plugin = self._faults.get(kind)
        return "" if plugin is None else f"{kind} of the package {plugin.package} cannot be used ({plugin.fault})"

    def broken(self) -> list[str]:
        """Return the kinds whose package cannot be imported."""
        return [kind for kind in self._faults if kind not in self.entries] if self.entries else []

    def plugins(self) -> list[Plugin]:
        """Return the kinds that packages add, also those that cannot be used."""
        added = [kind for kind in self if kind not in self.builtin]
        usable = [Plugin(self.group, kind, self.package(kind), self._code_fault(kind)) for kind in added]
        return [*usable, *self._faults.values()]

    def _code_fault(self, kind: str) -> str:
        """Return why the code of a plug-in cannot be imported, "" if it can."""
        try:
            for path in self.code(kind):
                self.load(kind, path)
        except InputError as error:
            return str(error.problems[0].found)
        return ""

    def repair(self, kind: str) -> str:
        """Return what to do about a plug-in that cannot be used."""
        return f"update or correct {self.package(kind).split(' ')[0]}"


@cache
def _entry_points() -> dict[str, list[EntryPoint]]:
    """Return the entry points of all groups that begin with ``nlptrain.``."""
    points = entry_points()
    return {group: list(points.select(group=group)) for group in points.groups if group.startswith(GROUPS)}


def _package(point: EntryPoint) -> str:
    return "unknown" if point.dist is None else f"{point.dist.name} {point.dist.version}"


def plugins() -> list[Plugin]:
    """Return the kinds that installed packages add to any registry, also those that cannot be used."""
    groups = [registry.group for registry in _ALL]
    unknown = [
        Plugin(group, point.name, _package(point), f"there is no such group; known: {', '.join(groups)}")
        for group, points in _entry_points().items()
        for point in points
        if group not in groups
    ]
    return [*(plugin for registry in _ALL for plugin in registry.plugins()), *unknown]


_REGISTRIES: dict[type[KindSection], Registry[Any]] = {}  # by the base of the configurations of an axis


@dataclass(frozen=True)
class ConfiguredEntry(Entry, Generic[S]):
    """A kind with keys of its own.

    Attributes:
        config: the model of its keys, a subclass of the axis's base.
    """

    config: type[S]


class KindSection(Section):
    """Base of the configurations of an axis: a field of this type holds the configuration of any of its kinds.

    The subclass for an axis is the type of the fields; those for its kinds derive from it, and have the field ``tag``
    with the name of the kind.
    """

    tag: ClassVar[str] = "kind"
    default_kind: ClassVar[str] = ""
    model_keys: ClassVar[tuple[str, ...]] = ()  # that name models, which a run pins to a version
    file_keys: ClassVar[tuple[str, ...]] = ()  # that name files, whose hashes belong to a run

    @property
    def name(self) -> str:
        """The kind."""
        return str(getattr(self, self.tag))

    @classmethod
    def registry(cls) -> Registry[Any] | None:
        """Return the registry of the axis; None for the configuration of a single kind."""
        return _REGISTRIES.get(cls)

    @classmethod
    def own_registry(cls) -> Registry[Any]:
        """Return the registry of the axis that the kind belongs to."""
        return next(_REGISTRIES[base] for base in cls.__mro__ if base in _REGISTRIES)

    @classmethod
    def kinds(cls) -> dict[str, type[Section]]:
        """Return the configuration of each kind of the axis, the default first; {} for that of a single kind."""
        registry = cls.registry()
        if registry is None:
            return {}
        kinds: dict[str, type[Section]] = {kind: entry.config for kind, entry in registry.items()}
        kinds.update({kind: _broken_config(cls, kind) for kind in registry.broken()})
        return {cls.default_kind: kinds.pop(cls.default_kind), **kinds}

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        """Return the schema of a kind, or the union of all kinds of the axis."""
        kinds = cls.kinds()
        if not kinds:
            return handler(source)
        tagged = tuple(Annotated[config, Tag(kind)] for kind, config in kinds.items())
        return handler.generate_schema(Annotated[Union[tagged], by_tag(cls.tag, cls.default_kind)])  # noqa: UP007


def register(base: type[KindSection], registry: Registry[Any]) -> None:
    """Make ``base`` the type of fields that hold the configuration of any kind of ``registry``."""
    _REGISTRIES[base] = registry


@cache
def _broken_config(base: type[KindSection], kind: str) -> type[Section]:
    """Return a configuration that refuses every value: its kind belongs to a package that cannot be imported."""
    registry = _REGISTRIES[base]

    def refuse(cls: object, values: object) -> object:
        raise Invalid(registry.fault(kind), hint=registry.repair(kind))

    fields: dict[str, Any] = {base.tag: (Literal[kind], Field(default=kind, description=registry.fault(kind)))}
    validators: dict[str, Any] = {"refuse": model_validator(mode="before")(refuse)}
    return create_model(f"Broken{kind}", __base__=base, __validators__=validators, **fields)


@dataclass(frozen=True)
class KindName:
    """Metadata of a string field: one of the kinds of a registry that ``is_allowed``, or of ``further`` names."""

    registry: Registry[Any]
    is_allowed: Callable[[Any], bool] = lambda entry: True
    further: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"KindName({self.registry.axis})"

    def names(self) -> list[str]:
        """Return the allowed names, also those of plug-ins that cannot be imported."""
        kinds = [kind for kind, entry in self.registry.items() if self.is_allowed(entry)]
        return [*self.further, *kinds, *self.registry.broken()]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401
        """Return the schema of a literal with all names."""
        return core_schema.literal_schema(self.names())
