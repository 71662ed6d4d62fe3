"""The machine below a run: files, limits, signals, processes, and what is kept between runs."""
