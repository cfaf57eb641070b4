"""A step is one unit of work: its description, its run key, its result, and the programs that run beside its process.

The room knows the files through which the runner, the uploader and `stage` speak with the platform and with each other.
Where a step is executed is left to `launchers`, and what a training script may call to `sdk`.
"""
