"""``python -m rec_assets.cli``: what ``accelerate launch -m`` starts in every process."""

from rec_assets.cli import main

main()
