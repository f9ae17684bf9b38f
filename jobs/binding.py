"""Functions of a job's arguments, such as the one that gives its key: what they are called with."""

import inspect
from collections.abc import Callable
from inspect import Parameter
from typing import Any

Called = Callable[[tuple[Any, ...], dict[str, Any]], Any]
BY_NAME = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
IN_ORDER = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


def of(signature: inspect.Signature, function: Callable[..., Any]) -> Called:
    """``function`` as it is called with the arguments of a task, which are bound to its ``signature`` first.

    It is given by their names those that it names, where the task has all of these; else all in their order. Raises
    ``TypeError`` where no call of the task could be a call of it.
    """
    try:
        wanted = inspect.signature(function).parameters.values()
    except ValueError:  # built in, as str is
        return lambda args, kwargs: function(*args, **kwargs)
    theirs = {p.name for p in signature.parameters.values() if p.kind in BY_NAME}
    names = {p.name for p in wanted if p.kind in BY_NAME}
    needed = {p.name for p in wanted if p.default is p.empty and p.kind in (*BY_NAME, Parameter.POSITIONAL_ONLY)}
    if needed <= theirs and not any(p.kind in (Parameter.POSITIONAL_ONLY, Parameter.VAR_POSITIONAL) for p in wanted):
        takes_all = any(p.kind is Parameter.VAR_KEYWORD for p in wanted)
        given = theirs if takes_all else names & theirs
        bind = _binder(signature)

        def call_by_name(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            wants = given | (kwargs.keys() if takes_all else kwargs.keys() & names)
            return function(**{name: value for name, value in bind(args, kwargs).items() if name in wants})

        return call_by_name
    _check(signature, function, list(wanted), needed, theirs)
    most = sum(p.kind in IN_ORDER for p in wanted)
    takes_more = any(p.kind is Parameter.VAR_POSITIONAL for p in wanted)
    keywords = {p.name for p in wanted if p.kind is Parameter.KEYWORD_ONLY}

    def call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        ordered = bound.args if takes_more else bound.args[:most]
        return function(*ordered, **{name: bound.arguments[name] for name in keywords & theirs})

    return call


def _binder(signature: inspect.Signature) -> Callable[[tuple[Any, ...], dict[str, Any]], dict[str, Any]]:
    """Give the arguments of a call that fits the signature their names; ``Signature.bind`` takes ten times as long."""
    parameters = signature.parameters.values()
    if any(p.kind in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD) for p in parameters):
        fields = next((p.name for p in parameters if p.kind is Parameter.VAR_KEYWORD), None)

        def bind(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            return {**bound.arguments, **(bound.arguments[fields] if fields else {})}

        return bind
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    ordered = [p.name for p in parameters if p.kind in IN_ORDER]
    return lambda args, kwargs: {**defaults, **dict(zip(ordered, args, strict=False)), **kwargs}


def _check(
    signature: inspect.Signature,
    function: Callable[..., Any],
    wanted: list[Parameter],
    needed: set[str],
    theirs: set[str],
) -> None:
    """Raises ``TypeError`` where the task has too few arguments, or not those that can only be given by name."""
    ordered = [p for p in signature.parameters.values() if p.kind in IN_ORDER]
    endless = any(p.kind is Parameter.VAR_POSITIONAL for p in signature.parameters.values())
    few = not endless and len(ordered) < sum(p.kind in IN_ORDER and p.name in needed for p in wanted)
    unknown = {p.name for p in wanted if p.kind is Parameter.KEYWORD_ONLY and p.name in needed} - theirs
    if few or unknown:
        raise TypeError(f"it takes {inspect.signature(function)}, and the task {signature}")
