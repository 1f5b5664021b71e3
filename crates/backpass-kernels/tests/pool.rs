//! The thread pool under stress.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
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
fn rows_are_shared_out_whole() {
    let calls = AtomicUsize::new(0);
    for threads in [1, 2, 3, 5] {
        let pool = Pool::new(threads);
        for (width, len) in [(7, 0), (7, 6), (7, 7), (7, 100_003), (1, 40_000), (50_000, 99_999), (50_000, 100_000)] {
            let mut target = vec![usize::MAX; len];
            calls.store(0, Ordering::Relaxed);
            pool.rows(&mut target, width, &|rows, piece| {
                calls.fetch_add(1, Ordering::Relaxed);
                assert_eq!(piece.len(), rows.len() * width);
                piece.chunks_exact_mut(width).zip(rows).for_each(|(piece, row)| piece.fill(row));
            });
            let row = |i: usize| if i < len / width * width { i / width } else { usize::MAX };
            assert!(target.iter().enumerate().all(|(i, &found)| found == row(i)), "{threads} threads, {len}/{width}");
            let most = if len > 90_000 { threads.min(len / width) } else { threads.min(2) };
            let expected = if len < 40_000 { 1 } else { most };
            assert_eq!(calls.load(Ordering::Relaxed), expected, "{threads} threads, {len}/{width}");
        }
        assert!(catch_unwind(AssertUnwindSafe(|| pool.rows(&mut [1], 0, &|_, _: &mut [i32]| {}))).is_err());
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
        thread::sleep(Duration::from_micros(200));
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
    thread::scope(|scope| {
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

/// Tells when the thread that keeps it has ended.
struct OnEnd(Arc<AtomicUsize>);

impl Drop for OnEnd {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

thread_local! {
    static KEPT: RefCell<Option<OnEnd>> = const { RefCell::new(None) };
}

#[test]
fn a_pool_outlives_its_threads() {
    let (entered, ended) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let pool = Pool::new(3);
    let caller = thread::current().id();
    pool.run(3, &|_| {
        if thread::current().id() != caller {
            KEPT.set(Some(OnEnd(Arc::clone(&ended))));
        }
        // Every thread takes one part.
        entered.fetch_add(1, Ordering::Relaxed);
        while entered.load(Ordering::Relaxed) < 3 {
            thread::yield_now();
        }
    });
    drop(pool);
    assert_eq!(ended.load(Ordering::Relaxed), 2);
}

#[test]
#[should_panic = "a pool of 0 threads"]
fn no_threads() {
    Pool::new(0);
}

#[test]
fn each_thread_begins_with_the_same_parts() {
    let pool = Pool::new(3);
    for parts in [3, 4, 8] {
        let first: Vec<_> = (0..3).map(|share| share * parts / 3).collect();
        let mut before = None;
        for _ in 0..200 {
            let ids: Vec<_> = (0..parts).map(|_| std::sync::Mutex::new(None)).collect();
            let begun = AtomicUsize::new(0);
            pool.run(parts, &|part| {
                *ids[part].lock().unwrap() = Some(thread::current().id());
                // No thread goes on before each has begun.
                begun.fetch_add(1, Ordering::Relaxed);
                while begun.load(Ordering::Relaxed) < 3 {
                    thread::yield_now();
                }
            });
            let who: Vec<_> = first.iter().map(|&part| *ids[part].lock().unwrap()).collect();
            assert_eq!(who[0], Some(thread::current().id()));
            assert_eq!(*before.get_or_insert_with(|| who.clone()), who);
        }
    }
}
