"""Parts of the benchmark of item tokens and generation."""
