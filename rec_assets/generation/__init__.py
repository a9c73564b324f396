"""SKUs as tokens or short words, and lists made by generating them: tries, beams and sampled chains."""
