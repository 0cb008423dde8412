"""Random times and orders, so that many processes do not do the same at once."""

from random import SystemRandom

#: Not the generator of the module ``random``, whose state belongs to the application: threads in
#: the background would change it in the middle of what an application seeded.
jitter = SystemRandom()
