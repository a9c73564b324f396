"""A seeded retailer whose customers follow relations that are written down.

:func:`generate` makes the three canonical tables and the truth about them; equal parameters give equal
tables. The truth (``data/raw/truth/``) is documented in :mod:`rec_assets.sources.synthetic.truth`; only
evaluation may read it.

How a purchase comes about:

1. A customer opens a basket: personal rate × a growing shop × a stronger end of the week.
2. Each article is drawn from those in the catalogue that day, in proportion to exp(score). The score adds the
   customer's taste (department, style, colour, category, price tier, size) to the article's own appeal, its
   novelty, the season of its category on that date, and the trends in force.
3. A trigger (a belt) may call for its complement (trousers in a matching style and colour) within days.
4. A basic (socks) may be bought again, the same SKU, weeks later.
5. A small share of draws ignores taste altogether.
"""

from rec_assets.sources.synthetic.retailer import Retailer, generate

__all__ = ["Retailer", "generate"]
