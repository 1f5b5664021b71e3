//! What the pool is built on: the standard library, or under `--cfg loom` a model of it that tries every order of events.

#[cfg(not(loom))]
pub use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, AtomicUsize},
    },
    thread,
};

#[cfg(loom)]
pub use loom::{
    cell::UnsafeCell,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, AtomicUsize},
    },
    thread,
};

/// A cell whose accesses the model checks against each other.
#[cfg(not(loom))]
pub struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

#[cfg(not(loom))]
impl<T> UnsafeCell<T> {
    pub fn new(value: T) -> Self {
        Self(std::cell::UnsafeCell::new(value))
    }

    /// Lends the value for reading.
    pub fn with<R>(&self, f: impl FnOnce(*const T) -> R) -> R {
        f(self.0.get())
    }

    /// Lends the value for writing.
    pub fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
        f(self.0.get())
    }
}

/// Calls `poll` until it is true or some time has passed.
#[cfg(not(loom))]
pub fn spin(mut poll: impl FnMut() -> bool) -> bool {
    use std::time::{Duration, Instant};

    /// How long a thread without work spins before it parks: longer than most steps of small networks, so that a thread that is
    /// late once does not have to be woken for every step that follows.
    const SPIN: Duration = Duration::from_micros(100);
    let start = Instant::now();
    loop {
        for _ in 0..32 {
            if poll() {
                return true;
            }
            std::hint::spin_loop();
        }
        if start.elapsed() > SPIN {
            return false;
        }
    }
}

/// In the model a thread that is about to park may wait as long as it likes anyway.
#[cfg(loom)]
pub fn spin(mut poll: impl FnMut() -> bool) -> bool {
    poll()
}
