"""Speed and memory, as ratios to a named floor measured in the same run."""
