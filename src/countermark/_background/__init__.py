"""One thread a process, in which all periodic work runs."""

from countermark._background._job import Job as Job
from countermark._background._scheduler import scheduler

#: Runs the jobs with ``at_exit`` now, and waits for that for up to 5 seconds.
flush = scheduler.flush
