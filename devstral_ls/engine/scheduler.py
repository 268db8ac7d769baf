"""Who runs next: a bounded queue by priority, and the one thread that touches the backend."""

import heapq
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from devstral_ls.cancel import CancelToken
from devstral_ls.engine.clock import Clock
from devstral_ls.engine.decode import Decoding, Model, Steps, unanswered
from devstral_ls.engine.request import FinishReason, Generation, GenerationRequest, Metrics, Priority
from devstral_ls.errors import BackendError, DevstralError, EngineClosed, OutOfMemory

QUEUE_LIMIT = 64

_LOGGER = logging.getLogger(__name__)
_IDLE = 1 + max(Priority)


@dataclass(slots=True, eq=False)
class Job:
    """A request in the queue or at work; answered exactly once through its future."""

    request: GenerationRequest
    number: int
    cancel: CancelToken = field(default_factory=CancelToken)  # stops the backend where it is
    outdated: CancelToken = field(default_factory=CancelToken)  # ends the work after the running step
    clock: Clock = field(default_factory=Clock)
    future: "Future[Generation]" = field(default_factory=Future)
    decoding: Decoding | None = None
    steps: Steps | None = None
    n_shortages: int = 0  # how often it was begun and found no memory

    def begin_anew(self) -> None:
        """Forget what was done for it."""
        if self.steps is not None:
            self.steps.close()
        self.decoding = self.steps = None

    def __lt__(self, other: "Job") -> bool:
        return (self.request.priority, self.number) < (other.request.priority, other.number)


class Scheduler:
    """Jobs in, answers out. A more urgent job waits for one step or chunk of the running one, never longer."""

    def __init__(
        self,
        load: Callable[[], Model],
        finished: Callable[[Metrics], None],
        fall_back: Callable[[OutOfMemory], bool] = lambda _: False,
    ) -> None:
        """`fall_back` may make the next `load` want less memory, and says whether it did."""
        self._load = load
        self._fall_back = fall_back
        self._finished = finished
        self._changed = threading.Condition()
        self._queue: list[Job] = []
        self._running: Job | None = None
        self._n_jobs = 0
        self._chores: list[Callable[[Model], None]] = []
        self._most_urgent = _IDLE  # priority of the best job in the queue; read without the lock
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="devstral-engine", daemon=True)
        self._thread.start()

    def submit(self, request: GenerationRequest, cancel: CancelToken) -> "Future[Generation]":
        """Queue a request. What it makes outdated ends early, and so does the least urgent job of a full queue."""
        with self._changed:
            if self._is_closed:
                raise EngineClosed("the engine is closed; start the server again")
            job = Job(request, self._n_jobs)
            job.future.set_running_or_notify_cancel()  # only the worker answers
            self._n_jobs += 1
            outdated = [old for old in self._jobs() if _supersedes(request, old.request)]
            heapq.heappush(self._queue, job)
            if QUEUE_LIMIT < len(self._queue):
                outdated.append(max(self._queue))
            self._look()
        self._make_outdated(outdated)
        forget = cancel.on_cancel(lambda: self._withdraw(job, cancel.reason or "cancelled"))
        job.future.add_done_callback(lambda _: forget())
        return job.future

    def between_jobs(self, chore: Callable[[Model], None]) -> None:
        """Have the worker do this before its next step, if there is a model by then."""
        with self._changed:
            self._chores.append(chore)
            self._changed.notify()

    def close(self) -> None:
        """Cancel everything, answer everything, end the thread."""
        with self._changed:
            self._is_closed = True
            jobs = self._jobs()
            self._changed.notify()
        for job in jobs:
            self._cancel(job, "closed")
        self._thread.join()

    def _jobs(self) -> list[Job]:
        return [*self._queue, *([self._running] if self._running else [])]

    def _look(self) -> None:
        """The queue has changed: the running job compares itself with what is first now."""
        self._most_urgent = self._queue[0].request.priority if self._queue else _IDLE
        self._changed.notify()

    def _make_outdated(self, jobs: list[Job]) -> None:
        for job in jobs:
            job.outdated.cancel(FinishReason.SUPERSEDED)
            self._drop(job, FinishReason.SUPERSEDED)

    def _withdraw(self, job: Job, reason: str) -> None:
        """Nobody wants the answer any more.

        An editor withdraws a request with every key. The prompt behind the next key begins the same, so what is
        being read for this one is read to the end of its chunk: else fast typing would never get past the first.
        """
        if job.request.priority is Priority.TYPING:
            job.outdated.cancel(FinishReason.CANCELLED)
            self._drop(job, FinishReason.CANCELLED)
        else:
            self._cancel(job, reason)

    def _cancel(self, job: Job, reason: str) -> None:
        job.cancel.cancel(reason)
        self._drop(job, FinishReason.CANCELLED)

    def _drop(self, job: Job, reason: FinishReason) -> None:
        """Answer a job that has not begun; one that has begun is answered by the worker."""
        with self._changed:
            if job.steps is not None or job not in self._queue:
                return
            self._queue.remove(job)
            heapq.heapify(self._queue)
            self._look()
        self._answer(job, Generation((), unanswered(job.request, job.clock, job.number, reason)))

    def _answer(self, job: Job, generation: Generation) -> None:
        self._finished(generation.metrics)
        job.future.set_result(generation)

    def _fail(self, job: Job, error: DevstralError) -> None:
        self._finished(unanswered(job.request, job.clock, job.number, FinishReason.FAILED))
        job.future.set_exception(error)

    def _work(self) -> None:
        model: Model | None = None
        while (job := self._next(model)) is not None:
            try:
                model = model or self._load()
                self._run(job, model)
            except (OutOfMemory, MemoryError) as error:
                model = self._relieved(job, model, error)
            except DevstralError as error:
                self._fail(job, error)
            except Exception as error:  # the worker must outlive every request
                _LOGGER.exception("request %d failed", job.number)
                self._fail(job, BackendError(f"the engine failed ({type(error).__name__}); see the log"))
        if model is not None:
            model.backend.close()

    def _relieved(self, job: Job, model: Model | None, error: OutOfMemory | MemoryError) -> Model | None:
        """Begin the job again: without parked caches first, then with what the engine falls back to; or give it up.

        Returns the model to go on with; None where it is to be loaded anew.
        """
        shortage = error if isinstance(error, OutOfMemory) else OutOfMemory("no memory left in this machine")
        job.n_shortages += 1
        if model is not None and job.n_shortages == 1:
            _LOGGER.warning("%s; parked caches are dropped", shortage)
            job.begin_anew()
            model.caches.clear()
            self._put_back(job)
            return model
        if not self._fall_back(shortage):
            self._fail(job, shortage)
            return model
        if model is not None:
            model.backend.close()
        with self._changed:
            for each in (job, *self._queue):
                each.begin_anew()
        self._put_back(job)
        return None

    def _next(self, model: Model | None) -> Job | None:
        """Wait for the most urgent job; None when the scheduler is closed and all is answered."""
        with self._changed:
            self._running = None
            while True:
                self._changed.wait_for(lambda: self._queue or self._is_closed or self._chores)
                chores, self._chores = self._chores, []
                if model is not None:
                    for chore in chores:
                        chore(model)
                if self._queue:
                    job = self._running = heapq.heappop(self._queue)
                    self._look()
                    return job
                if self._is_closed:
                    return None

    def _run(self, job: Job, model: Model) -> None:
        """Go on with a job until it is done or a more urgent one waits."""
        if job.decoding is None or job.steps is None:
            job.decoding = Decoding(
                model, job.request, cancel=job.cancel, outdated=job.outdated, clock=job.clock, number=job.number
            )
            job.steps = job.decoding.steps()
        priority = job.request.priority
        for _ in job.steps:
            if self._most_urgent < priority:
                self._put_back(job)
                return
        self._answer(job, job.decoding.generation())

    def _put_back(self, job: Job) -> None:
        with self._changed:
            heapq.heappush(self._queue, job)
            self._look()


def _supersedes(new: GenerationRequest, old: GenerationRequest) -> bool:
    """Whether nobody waits for the old one any more: it was typed on, or it was to warm up what now runs itself."""
    if new.key != old.key:
        return False
    typed_on = new.priority == old.priority == Priority.TYPING
    return typed_on or (old.priority == Priority.PREFILL and new.priority <= Priority.PREFILL)
