"""Dataclasses of settings that check themselves, and types that say what a setting may be.

What a setting may be stands in its type, once: pydantic checks it, and errors, documentation and the JSON schemas for
editors are made from it. The library is loaded when settings are made, so that no other command waits for it.
"""

from __future__ import annotations

import functools
from typing import Annotated, Any, TypeVar

from annotated_types import Ge, Interval

T = TypeVar("T")
Count = Annotated[int, Ge(1)]
Share = Annotated[float, Interval(ge=0, le=1)]
Seed = Annotated[int, Interval(ge=0, le=2**31 - 1)]


def settings(cls: type[T]) -> type[T]:
    """Make the frozen dataclass `cls` check its values whenever one is made: exact types, ranges, no unknown name.

    ``ValueError`` names in one line every setting that is wrong, what was expected and what was got. A tie between
    settings is for the class's own ``__post_init__``: ``ValueError`` with `name: expected …, got …`.
    """

    checked: Any = cls

    def construct(self: T, *args: Any, **values: Any) -> None:
        from pydantic import ValidationError
        from pydantic_core import ArgsKwargs

        from command_line.setting_schema import adapter_of, describe_faults

        try:
            adapter_of(checked).validator.validate_python(ArgsKwargs(args, values), self_instance=self)
        except ValidationError as error:
            raise ValueError(describe_faults(error, cls)) from None

    checked.__pydantic_config__ = {"strict": True, "extra": "forbid", "allow_inf_nan": False}
    checked.__init__ = functools.wraps(checked.__init__)(construct)
    return cls
