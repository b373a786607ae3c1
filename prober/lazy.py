"""A property that is found out when it is first asked for, and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar, overload

Value = TypeVar("Value")


class lazy(Generic[Value]):  # noqa: N801  # a decorator
    """As `functools.cached_property`, but nobody waits for anybody.

    That one has, before Python 3.12, a lock that all objects of a class share. A thread that had
    it and waited for a journal's moment, and one that had the moment and waited for it, did so
    for ever. Here two threads may find out the same, and what the last one found is kept.
    """

    def __init__(self, find: Callable[[Any], Value]) -> None:
        self._find = find
        self.__doc__ = find.__doc__

    def __set_name__(self, _: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, _: type) -> Self: ...

    @overload
    def __get__(self, instance: object, _: type) -> Value: ...

    def __get__(self, instance: object | None, _: type) -> Self | Value:
        if instance is None:
            return self
        found = self._find(instance)
        instance.__dict__[self._name] = found  # where it is looked for first from now on
        return found
