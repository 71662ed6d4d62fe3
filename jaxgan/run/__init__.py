"""A run folder, and what fills it: checkpoints, metrics, pictures, evaluations, alarms."""
