//! The thread pool in every order of events, up to a bound on preemptions: run by `cargo xtask model`.
#![cfg(loom)]

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use backpass_kernels::Pool;
use loom::cell::UnsafeCell;
use loom::model::Builder;
use loom::sync::Arc;
use loom::thread;

/// Tries all orders in which threads are interrupted at most so often where they need not be.
fn model(interruptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(interruptions);
    builder.check(f);
}

/// What a job touches, on the stack of its caller. The model reports any access that is not ordered before or after that of
/// another thread: of two threads that run the same part, or of a worker that is still busy when `run` has returned.
struct Parts(Vec<UnsafeCell<usize>>);

// SAFETY: the model checks what this claims.
unsafe impl Sync for Parts {}

impl Parts {
    fn new(parts: usize) -> Self {
        Parts((0..parts).map(|_| UnsafeCell::new(0)).collect())
    }

    fn touch(&self, part: usize) {
        // SAFETY: as above.
        self.0[part].with_mut(|count| unsafe { *count += 1 });
    }

    fn counts(&self) -> Vec<usize> {
        // SAFETY: as above.
        self.0.iter().map(|cell| cell.with_mut(|count| unsafe { *count })).collect()
    }
}

fn run(pool: &Pool, parts: usize) {
    let touched = Parts::new(parts);
    pool.run(parts, &|part| touched.touch(part));
    assert_eq!(touched.counts(), vec![1; parts]);
}

#[test]
fn every_part_runs_once_before_the_caller_goes_on() {
    model(4, || run(&Pool::new(2), 3));
}

#[test]
fn several_workers() {
    model(3, || run(&Pool::new(3), 2));
}

#[test]
fn one_job_after_another() {
    model(4, || {
        let pool = Pool::new(2);
        run(&pool, 2);
        run(&pool, 2);
    });
}

#[test]
fn a_panic_reaches_the_caller_after_all_parts_have_ended() {
    model(4, || {
        let pool = Pool::new(2);
        let touched = Parts::new(2);
        let result = catch_unwind(AssertUnwindSafe(|| {
            pool.run(2, &|part| {
                touched.touch(part);
                if part == 1 {
                    resume_unwind(Box::new("part 1 fails"));
                }
            });
        }));
        assert_eq!(*result.unwrap_err().downcast::<&str>().unwrap(), "part 1 fails");
        // The other part may not have begun.
        assert!(matches!(touched.counts()[..], [0 | 1, 1]));
        run(&pool, 2);
    });
}

#[test]
fn two_callers() {
    model(3, || {
        let pool = Arc::new(Pool::new(2));
        let other = Arc::clone(&pool);
        let caller = thread::spawn(move || run(&other, 2));
        run(&pool, 2);
        caller.join().unwrap();
    });
}

#[test]
fn a_pool_without_work_ends() {
    model(4, || drop(Pool::new(3)));
}
