"""How far what customers buy has moved since the model was trained."""
