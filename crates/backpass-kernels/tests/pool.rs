//! The thread pool under stress.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backpass_kernels::Pool;

fn count(pool: &Pool, parts: usize) {
    let counts: [AtomicUsize; 8] = Default::default();
    pool.run(parts, &|i| {
        counts[i].fetch_add(1, Ordering::Relaxed);
    });
    for (i, count) in counts.iter().enumerate() {
        assert_eq!(count.load(Ordering::Relaxed), usize::from(i < parts));
    }
}

#[test]
fn every_part_runs_once() {
    for threads in 1..=5 {
        let pool = Pool::new(threads);
        assert_eq!(pool.threads(), threads);
        for parts in 0..=8 {
            count(&pool, parts);
        }
    }
}

#[test]
fn a_hundred_thousand_runs() {
    for (threads, runs) in [(2, 60_000), (3, 40_000)] {
        let pool = Pool::new(threads);
        for i in 0..runs {
            count(&pool, 1 + i % 8);
        }
    }
}

#[test]
fn workers_wake_after_a_pause() {
    let pool = Pool::new(3);
    for _ in 0..50 {
        std::thread::sleep(Duration::from_micros(200));
        count(&pool, 8);
    }
}

#[test]
fn a_panic_reaches_the_caller() {
    let pool = Pool::new(3);
    for bad in 0..8 {
        let ended = AtomicUsize::new(0);
        let result = catch_unwind(AssertUnwindSafe(|| {
            pool.run(8, &|i| {
                assert!(i != bad, "part {i} fails");
                ended.fetch_add(1, Ordering::Relaxed);
            });
        }));
        let payload = result.unwrap_err();
        assert_eq!(payload.downcast_ref::<String>().unwrap(), &format!("part {bad} fails"));
        assert!(ended.load(Ordering::Relaxed) < 8);
        count(&pool, 8);
    }
}

#[test]
fn runs_inside_runs() {
    let pool = Pool::new(3);
    for _ in 0..1000 {
        pool.run(4, &|_| count(&pool, 5));
    }
}

#[test]
fn many_callers() {
    let pool = Pool::new(3);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..5000).for_each(|i| count(&pool, i % 9)));
        }
    });
}

#[test]
fn pools_come_and_go() {
    for _ in 0..200 {
        let pool = Pool::new(4);
        count(&pool, 8);
    }
}

#[test]
#[should_panic = "a pool of 0 threads"]
fn no_threads() {
    Pool::new(0);
}
