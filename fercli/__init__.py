"""fercli: train, evaluate and run convolutional networks that recognise facial expressions.

`classify`, `summary`, `prepare`, `train` and `evaluate` are the commands as functions; see `fercli.interface`.
"""

from typing import TYPE_CHECKING, Any

from fercli.version import __version__

if TYPE_CHECKING:
    from fercli.errors import FercliError
    from fercli.interface import classify, evaluate, prepare, summary, train

__all__ = ["FercliError", "__version__", "classify", "evaluate", "prepare", "summary", "train"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fercli import interface  # only now, so that `import fercli` is instant

    return getattr(interface, name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
