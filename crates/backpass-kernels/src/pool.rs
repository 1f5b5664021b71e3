//! A fork-join thread pool without allocation per run.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;
use std::sync::{PoisonError, TryLockError};

use crate::shards::Shards;
use crate::sync::thread::{self, JoinHandle, Thread};
use crate::sync::{Arc, AtomicU64, AtomicUsize, Mutex, MutexGuard, UnsafeCell, spin};

/// A fixed set of threads that run the parts of one job at a time.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Held by the thread whose job the workers run.
    busy: Mutex<()>,
}

/// `state` is the whole protocol: the job's number (`EPOCH` upwards), whether workers may still
/// join it (`OPEN`), and how many are inside (the bits below). The job may be replaced only when
/// it is closed and nobody is inside, so a late worker never delays a finished job.
struct Shared {
    state: Line<AtomicU64>,
    /// The next part of each share. A thread begins with its own, so that the same part of the next job, which often needs
    /// the same data, finds them in the cache of the same core.
    next: Box<[Line<AtomicUsize>]>,
    job: UnsafeCell<Option<Job>>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

// SAFETY: `job` is written only by the holder of `Pool::busy` while nobody is inside, and read
// only from inside; all else is atomic or locked.
unsafe impl Sync for Shared {}
// SAFETY: the pointer in `job` is only followed while the caller of `run` keeps it alive.
unsafe impl Send for Shared {}

const OPEN: u64 = 1 << 16;
const EPOCH: u32 = 17;
const STOP: u64 = u64::MAX;

/// Fewer elements than this are not worth a thread of their own.
const PIECE: usize = 1 << 14;

/// Keeps what different threads write off each other's cache lines.
#[repr(align(128))]
struct Line<T>(T);

#[derive(Clone)]
struct Job {
    call: *const (dyn Fn(usize) + Sync),
    parts: usize,
    /// Into how many shares of nearly as many parts it is cut: one for each thread, if there are parts enough.
    shares: usize,
    caller: Thread,
}

impl Job {
    /// The parts of a share, none if there are fewer shares.
    fn share(&self, i: usize) -> Range<usize> {
        let cut = |i: usize| i.min(self.shares) * self.parts / self.shares;
        cut(i)..cut(i + 1)
    }
}

impl Pool {
    /// A pool of `threads` threads, the caller of [`Pool::run`] being one of them; of fewer, if the
    /// system refuses more, which changes no result.
    ///
    /// # Panics
    ///
    /// If `threads` is zero, or 65,535 or more.
    pub fn new(threads: usize) -> Self {
        assert!((1..OPEN as usize).contains(&threads), "a pool of {threads} threads");
        let shared = Arc::new(Shared {
            state: Line(AtomicU64::new(0)),
            next: (0..threads).map(|_| Line(AtomicUsize::new(0))).collect(),
            job: UnsafeCell::new(None),
            panic: Mutex::new(None),
        });
        let spawn = |i| {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(format!("backpass-{i}")).spawn(move || shared.work(i)).ok()
        };
        let workers = (1..threads).map_while(spawn).collect();
        Self { shared, workers, busy: Mutex::new(()) }
    }

    /// The number of threads, the caller included.
    pub fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    /// Calls `f(0)` to `f(parts - 1)` once each, on any threads in any order, and returns when
    /// all are done. Each thread begins with the same parts in each job of as many parts. When the
    /// pool is busy with another job, the caller does all parts itself.
    ///
    /// # Panics
    ///
    /// If a part panics: with its payload, after every part that had begun has ended; parts that
    /// had not begun are dropped.
    pub fn run(&self, parts: usize, f: &(dyn Fn(usize) + Sync)) {
        match self.claim(parts) {
            Some(guard) => self.fork(parts, f, guard),
            None => (0..parts).for_each(f),
        }
    }

    /// Cuts `target`, rows of `width` elements, into pieces of whole rows, and calls `f` with the rows and the elements of each
    /// at once; where that is little work, with all of them. What is left after the last whole row is not touched.
    ///
    /// # Panics
    ///
    /// If `width` is zero, or `f` panics, as in [`Pool::run`].
    pub fn rows<T: Send>(&self, target: &mut [T], width: usize, f: &(dyn Fn(Range<usize>, &mut [T]) + Sync)) {
        let rows = target.len() / width;
        let parts = (target.len() / PIECE).min(self.threads()).min(rows).max(1);
        let target = Shards::new(target);
        self.run(parts, &|i| {
            let rows = i * rows / parts..(i + 1) * rows / parts;
            // SAFETY: no other rows meet these.
            let piece = unsafe { target.write(rows.start * width..rows.end * width) };
            f(rows, piece);
        });
    }

    fn claim(&self, parts: usize) -> Option<MutexGuard<'_, ()>> {
        if parts < 2 || self.workers.is_empty() {
            return None;
        }
        match self.busy.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn fork(&self, parts: usize, f: &(dyn Fn(usize) + Sync), guard: MutexGuard<'_, ()>) {
        let shared = &*self.shared;
        let call: *const (dyn Fn(usize) + Sync + '_) = f;
        // SAFETY: only the lifetime changes, and the job is closed and left before `f` ends.
        let call = unsafe {
            std::mem::transmute::<*const (dyn Fn(usize) + Sync + '_), *const (dyn Fn(usize) + Sync + 'static)>(call)
        };
        let job = Job { call, parts, shares: parts.min(self.threads()), caller: thread::current() };
        // SAFETY: we hold `busy`, and the job before this one was closed and left.
        shared.job.with_mut(|place| unsafe { *place = Some(job.clone()) });
        shared.next.iter().enumerate().for_each(|(i, next)| next.0.store(job.share(i).start, Ordering::Relaxed));
        let epoch = (shared.state.0.load(Ordering::Relaxed) >> EPOCH) + 1;
        shared.state.0.store(epoch << EPOCH | OPEN, Ordering::Release);
        for worker in self.workers.iter().take(parts - 1) {
            worker.thread().unpark();
        }
        shared.drain(&job, 0);
        shared.state.0.fetch_and(!OPEN, Ordering::Relaxed);
        shared.wait(|state| state == epoch << EPOCH);
        let panic = lock(&shared.panic).take();
        drop(guard);
        if let Some(payload) = panic {
            resume_unwind(payload);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.state.0.store(STOP, Ordering::Release);
        for worker in self.workers.drain(..) {
            worker.thread().unpark();
            // Parts' panics are caught, so a worker always ends well.
            let _ = worker.join();
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads()).finish()
    }
}

impl Shared {
    /// The life of a worker, the `index`-th thread.
    fn work(&self, index: usize) {
        let mut seen = 0;
        loop {
            let state = self.wait(|state| state >> EPOCH != seen);
            if state == STOP {
                return;
            }
            seen = state >> EPOCH;
            if !self.join(state) {
                continue;
            }
            // SAFETY: whoever is inside may read the job.
            let job = self.job.with(|place| unsafe { (*place).clone() }).expect("an open job");
            self.drain(&job, index);
            let left = self.state.0.fetch_sub(1, Ordering::Release) - 1;
            if left == seen << EPOCH {
                job.caller.unpark();
            }
        }
    }

    /// Enters the job of `state` unless it has been closed.
    fn join(&self, mut state: u64) -> bool {
        let epoch = state >> EPOCH;
        while state & OPEN != 0 && state >> EPOCH == epoch && state != STOP {
            match self.state.0.compare_exchange_weak(state, state + 1, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// Runs parts until none is left, those of the thread's own share first.
    fn drain(&self, job: &Job, index: usize) {
        // SAFETY: the job has not been left, so the caller of `run` still lends the closure.
        let call = unsafe { &*job.call };
        let all = || {
            for share in (0..job.shares).map(|i| (index + i) % job.shares) {
                let (next, end) = (&self.next[share].0, job.share(share).end);
                while next.load(Ordering::Relaxed) < end {
                    let part = next.fetch_add(1, Ordering::Relaxed);
                    if part < end {
                        call(part);
                    }
                }
            }
        };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(all)) {
            self.next.iter().for_each(|next| next.0.store(job.parts, Ordering::Relaxed));
            lock(&self.panic).get_or_insert(payload);
        }
    }

    /// Returns the first state that is `ready`: spins for a while, then parks.
    fn wait(&self, ready: impl Fn(u64) -> bool) -> u64 {
        let mut state = 0;
        let mut poll = || {
            state = self.state.0.load(Ordering::Acquire);
            ready(state)
        };
        if !spin(&mut poll) {
            while !poll() {
                // Whoever changes the state unparks us afterwards, so no wake-up is lost.
                thread::park();
            }
        }
        state
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
