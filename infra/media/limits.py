"""How many files are decoded at once: what each may take of memory is bounded, and so is the sum of it.

Reading headers needs no turn. Sounds have turns of their own, since half an hour of one takes many times as long as a
picture and a fraction of its memory; and so have documents, each of which is a process with a limit of its own.
"""

from threading import BoundedSemaphore

AT_ONCE = 2
PICTURES = BoundedSemaphore(AT_ONCE)
SOUNDS = BoundedSemaphore(AT_ONCE)
DOCUMENTS = BoundedSemaphore(4)
