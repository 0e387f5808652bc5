"""Speed and memory of the engine, as ratios to a named floor measured in the same run."""
