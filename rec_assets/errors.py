"""Errors a user can act on: what is wrong, where, and the cure."""


class CouturierError(Exception):
    """An error the user can mend.

    Parameters
    ----------
    problem
        What is wrong, naming the file, column or parameter.
    cure
        What to do about it, in the imperative.
    """

    def __init__(self, problem: str, cure: str = "") -> None:
        self.problem = problem
        self.cure = cure
        super().__init__(f"{problem} {cure}".strip())


class ParamsError(CouturierError):
    """A value in ``params.yaml`` is missing, unknown or of the wrong type."""


class TableError(CouturierError):
    """A table is missing, empty, unreadable, or lacks a column."""


class ValidationLimitError(CouturierError):
    """More rows broke an expectation than the configured limit allows."""


class BaseModelError(CouturierError):
    """A base model could not be fetched, verified or converted."""


class UnknownCustomerError(CouturierError):
    """A customer id that the data does not hold."""


class CheckFailedError(CouturierError):
    """A blocking check failed, so nothing downstream may run."""


class RegistryError(CouturierError):
    """A model version is missing, damaged or cannot be promoted."""


class VersioningError(CouturierError):
    """DVC is missing or refused a command."""
