"""What a handler of a job is given, and which handlers there are.

A handler is called in a thread of its lane with a JobContext, while the context's own thread says every few seconds
that the job is alive. How it ends says what becomes of the job:

* it returns: done (unless it ended the job itself with ``queue.end`` in its last transaction, which is best);
* it raises EnoguError: failed, with the error's words as the reason. It has told its slice before;
* it raises LostJob: somebody else has the job; nothing more is written;
* it raises WorkerStops: the worker is told to stop (``context.is_stopping``) and the handler has saved what there is.
  The job goes back into the queue and this does not count as a death. On a Stopped event that nobody asked a pause or
  cancel for, raise this;
* it raises DatabaseFailed or EngineDied: not the job's fault at first. It goes back into the queue, counted as a
  death; the second one without progress parks it;
* any other exception is a mistake of ours: the job is parked with its words, and the slice is told (ON_PARKED).

Every transaction in which a handler writes begins with ``context.hold(session)``.
Handlers live in modules of their own, which are imported when the first job of their kind comes.
"""

from __future__ import annotations
