"""What the benchmarks of speed, memory and cost share."""
