//! Trainings that do not depend on each other, several at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

enum Message<M, T> {
    Said(M),
    Done(usize, T),
}

/// Does `count` jobs with up to `workers` threads, and gives their results in the order of the jobs. A job gets its number
/// and a way to say something meanwhile, which `hear` is told of on the thread of the caller.
pub(crate) fn in_parallel<M: Send, T: Send>(
    count: usize,
    workers: usize,
    job: impl Fn(usize, &mut dyn FnMut(M)) -> T + Sync,
    mut hear: impl FnMut(M),
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let mut results: Vec<Option<T>> = (0..count).map(|_| None).collect();
    std::thread::scope(|scope| {
        for _ in 0..workers.clamp(1, count.max(1)) {
            let (sender, next, job) = (sender.clone(), &next, &job);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    // Nobody listens any more only if the caller has panicked.
                    let result = job(index, &mut |said| _ = sender.send(Message::Said(said)));
                    _ = sender.send(Message::Done(index, result));
                }
            });
        }
        drop(sender);
        for message in receiver {
            match message {
                Message::Said(said) => hear(said),
                Message::Done(index, result) => results[index] = Some(result),
            }
        }
    });
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::in_parallel;

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        let mut heard = Vec::new();
        let job = |index: usize, say: &mut dyn FnMut(usize)| {
            say(index);
            10 * index
        };
        assert_eq!(in_parallel(5, 3, job, |said| heard.push(said)), [0, 10, 20, 30, 40]);
        heard.sort_unstable();
        assert_eq!(heard, [0, 1, 2, 3, 4]);
        assert!(in_parallel(0, 3, job, |_| {}).is_empty());
    }
}
