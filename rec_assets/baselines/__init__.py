"""The recommenders to beat: simple rules, LensKit's models and small sequential models behind one call."""
