"""What the ranking benchmark is made of: data, reference models, scores and the result file."""
