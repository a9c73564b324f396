"""What a user of a classifier can mend."""

from rec_assets.errors import CouturierError


class HeadError(CouturierError, ValueError):
    """A text, label, label word or prompt that a classifier cannot work with.

    It is a ``ValueError`` too: that is what scikit-learn's tools expect of a refused input.
    """
