"""Explains a failed publish for ``dispatch``: a mistake in the project's settings, or an outage of the broker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from amqp.exceptions import IrrecoverableChannelError, IrrecoverableConnectionError
from celery import Celery, Task
from celery.exceptions import QueueNotFound
from kombu import compression, serialization
from kombu.exceptions import OperationalError

#: Redis's errors for a wrong login, permission or database number. By name, because its library is optional. Their
#: subclasses, such as ReadOnlyError, are outages of the broker.
_REDIS_REFUSALS = {"AuthenticationError", "AuthenticationWrongNumberOfArgsError", "NoPermissionError", "ResponseError"}


# At run time Celery's class takes no parameters.
if TYPE_CHECKING:
    AnyTask = Task[..., None]
else:
    AnyTask = Task

Arguments = tuple[int | str, ...]


class Options(TypedDict, total=False):
    """Arguments of Celery's ``apply_async``."""

    countdown: int
    queue: str


class Mistake(NamedTuple):
    """A mistake in the settings."""

    words: str
    """What is wrong, without secrets. It quotes other libraries only on the names of modules and queues."""
    of_task: bool
    """Whether it concerns this task alone. Such a mistake is found without the broker."""


def find_mistake(error: Exception, app: Celery, task: AnyTask, args: Arguments, options: Options) -> Mistake | None:
    """Find the mistake in the settings behind a publish that raised *error*. None means an outage of the broker.

    Checks again, step by step, everything that needs no broker.
    """
    words = unreadable(app) or _address(app)
    if words:
        return Mistake(words, of_task=False)
    words = _message(app, task, args, options)
    if words:
        return Mistake(words, of_task=True)
    words = _refusal(error)
    return Mistake(words, of_task=False) if words else None


def unreachable(error: Exception, app: Celery) -> str:
    """Why a connection to the broker raised *error*: a mistake in the settings in words, or the error's name."""
    return unreadable(app) or _address(app) or _refusal(error) or f"it does not answer ({type(error).__name__})"


def unreadable(app: Celery) -> str:
    """Why Celery's settings cannot be read, in words. Blank if they can."""
    try:
        app.finalize(auto=True)
        _urls(app)
    except ImportError as error:
        return f"Celery's settings cannot be imported: {error}"
    except Exception as error:
        return f"Celery's settings cannot be read ({type(error).__name__})"
    return ""


def _urls(app: Celery) -> list[str]:
    """The addresses of the brokers. One text or a list may hold several."""
    given = app.conf.broker_write_url
    return [url for text in ([given] if isinstance(given, str) else given or [""]) for url in text.split(";")]


def _address(app: Celery) -> str:
    return next(filter(None, (_of_url(app, url) for url in _urls(app))), "")


def _of_url(app: Celery, url: str) -> str:
    scheme = url.partition("://")[0] if "://" in url else ""
    try:
        # A transport imports its library only when it is made.
        _ = app.connection_for_write(url or None).transport
    except ImportError as error:
        need = "django-twocheckout[redis]" if scheme.startswith(("redis", "sentinel")) else "what Celery needs for it"
        return f"the broker's transport cannot be imported: {error}; install {need}"
    except KeyError:
        # Anything but a plain name may be part of a password.
        name = scheme if re.fullmatch(r"[A-Za-z][A-Za-z0-9+_-]*", scheme) else "…"
        return f"the broker's address begins with {name}://, and Celery has no such transport"
    except ValueError:
        return "the broker's address cannot be read: the port must be a number, and / and # in a password be encoded"
    except Exception as error:
        return f"the broker's transport cannot be made ({type(error).__name__}); install what Celery needs for it"
    return ""


def _message(app: Celery, task: AnyTask, args: Arguments, options: Options) -> str:
    """What is wrong with the queue, the route, the serializer or the compression."""
    step = "the route"
    try:
        routed = app.amqp.router.route(dict(options), task.name, args)
        step = "the serializer"
        name = task.serializer or routed.get("serializer") or app.conf.task_serializer
        serialization.dumps(args, serializer=name)
        step = "the compression"
        method = routed.get("compression") or app.conf.task_compression
        if method:
            compression.get_encoder(method)
    except QueueNotFound as error:
        return f"{task.name} has no queue: {error.args[0]}"
    except ImportError as error:
        return f"{step} of {task.name} cannot be imported: {error}"
    except Exception as error:
        return f"{step} of {task.name} is not one that Celery can use ({type(error).__name__})"
    return ""


def _refusal(error: Exception) -> str:
    """What the error itself says, if the settings look right."""
    causes = list(_causes(error))
    name = type(causes[-1]).__name__
    for cause in causes:
        if isinstance(cause, IrrecoverableConnectionError | IrrecoverableChannelError) or name in _REDIS_REFUSALS:
            return f"the broker refuses what Celery's settings ask for ({name}): a login, a name, an argument"
        if isinstance(cause, ImportError):
            return f"what the broker's transport needs cannot be imported: {cause}"
        if isinstance(cause, TypeError | ValueError) and not isinstance(cause, OSError | UnicodeError):
            return f"Celery can make no message or no connection of its settings ({name})"
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and the errors that kombu wrapped in it."""
    while error is not None:
        yield error
        error = error.__cause__ if isinstance(error, OperationalError) else None
