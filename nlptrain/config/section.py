"""What every map of a configuration has in common."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Discriminator, Field, model_validator

from nlptrain.errors import Problem, Text

Rate = Annotated[float, Field(ge=0.0, lt=1.0)]
Weight = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Auto = Literal["auto"]
ModelRef = Annotated[str, Field(min_length=1)]


class Invalid(ValueError):
    """Values that are invalid together, as a ``Problem`` whose location is a dotted key of the configuration."""

    def __init__(self, found: Text, *, key: str = "", expected: Text = "", hint: Text = "") -> None:
        """Describe the problem of ``key``; empty: of the map that is validated."""
        self.problem = Problem(found, location=key, expected=expected, hint=hint)
        super().__init__(self.problem.render())


class Section(BaseModel):
    """A map of the YAML: unknown keys are refused, values have exactly the declared type and cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True, allow_inf_nan=False)

    @classmethod
    def alternatives(cls) -> tuple[tuple[str, str], ...]:
        """Return pairs of keys of which exactly one applies: giving one removes the default of the other."""
        return ()

    @classmethod
    def kinds(cls) -> dict[str, type[Section]]:
        """Return the alternatives that a field of this type may hold, by kind, the default first; {}: itself alone."""
        return {}

    @model_validator(mode="before")
    @classmethod
    def _remove_other_default(cls, values: Any) -> Any:  # noqa: ANN401
        if not isinstance(values, dict):
            return values
        values = dict(values)
        for first, second in cls.alternatives():
            for given, removed in ((first, second), (second, first)):
                if values.get(given) is not None and removed not in values:
                    values[removed] = None
        return values

    @model_validator(mode="after")
    def _exactly_one(self) -> Section:
        for first, second in self.alternatives():
            is_given = getattr(self, first) is not None
            if is_given == (getattr(self, second) is not None):
                found = (
                    f"found both '{first}' and '{second}'" if is_given else f"found neither '{first}' nor '{second}'"
                )
                raise Invalid(found, expected="exactly one of them")
        return self


def by_tag(tag: str, default: str) -> Discriminator:
    """Choose the alternative of a union by its key ``tag``, e.g. ``kind``; without one, ``default``."""

    def kind(value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, dict):
            return value.get(tag, default)
        return getattr(value, tag, None)

    return Discriminator(kind)


def sections(annotation: Any) -> dict[str, type[BaseModel]]:  # noqa: ANN401
    """Return the maps that a key may hold, by their ``kind``; a map without kinds has the name ''."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if issubclass(annotation, Section) and (kinds := annotation.kinds()):
            return dict(kinds)
        kind = annotation.model_fields.get("kind")
        return {str(kind.default) if kind else "": annotation}
    maps: dict[str, type[BaseModel]] = {}
    if get_origin(annotation) is not None:
        for inner in get_args(annotation):
            maps.update(sections(inner))
    return maps


def tag_of(annotation: Any) -> str:  # noqa: ANN401
    """Return the key that names the kind of the map that a key may hold, or "" if it may hold none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return str(getattr(annotation, "tag", "kind"))
    tags = [tag for inner in get_args(annotation) if (tag := tag_of(inner))] if get_origin(annotation) else []
    return tags[0] if tags else ""


def common_keys(annotation: Any) -> set[str]:  # noqa: ANN401
    """Return the keys that the base of all kinds of a map declares."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return set(annotation.model_fields) if annotation.kinds() else set()
    return set().union(*map(common_keys, get_args(annotation))) if get_origin(annotation) else set()
