"""The machine below a run: files, limits, signals, processes, progress, errors, and the cache folder."""
