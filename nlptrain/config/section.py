"""What every part of a configuration has in common."""

from __future__ import annotations

from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Discriminator, Field, model_validator


class Section(BaseModel):
    """A map of the YAML: unknown keys refused, values of exactly the declared type, frozen once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True, allow_inf_nan=False)

    @classmethod
    def alternatives(cls) -> tuple[tuple[str, str], ...]:
        """Pairs of keys of which exactly one holds: naming one takes the default of the other away."""
        return ()

    @model_validator(mode="before")
    @classmethod
    def _drop_other_default(cls, values: Any) -> Any:  # noqa: ANN401
        if not isinstance(values, dict):
            return values
        values = dict(values)
        for one, other in cls.alternatives():
            for given, dropped in ((one, other), (other, one)):
                if values.get(given) is not None and dropped not in values:
                    values[dropped] = None
        return values

    @model_validator(mode="after")
    def _exactly_one(self) -> Section:
        for one, other in self.alternatives():
            if (getattr(self, one) is None) == (getattr(self, other) is None):
                raise ValueError(f"exactly one of '{one}' and '{other}' must be given")
        return self


def by_kind(default: str) -> Discriminator:
    """Choose the alternative of a union by its ``kind``, which is ``default`` where none is given."""

    def kind(value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, dict):
            return value.get("kind", default)
        return getattr(value, "kind", None)

    return Discriminator(kind)


def sections(annotation: Any) -> dict[str, type[BaseModel]]:  # noqa: ANN401
    """The maps that a key may hold, by their ``kind``; one without a kind has the name ''."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        kind = annotation.model_fields.get("kind")
        return {str(kind.default) if kind else "": annotation}
    found: dict[str, type[BaseModel]] = {}
    if get_origin(annotation) is not None:
        for inner in get_args(annotation):
            found.update(sections(inner))
    return found


Rate = Annotated[float, Field(ge=0.0, lt=1.0)]
Weight = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
ModelRef = Annotated[str, Field(min_length=1)]
