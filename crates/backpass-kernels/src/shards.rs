//! One mutable slice written by many parts at once.

use std::marker::PhantomData;
use std::ops::Range;

/// A mutable slice whose ranges are lent to parts that run at the same time.
pub struct Shards<'a, T> {
    start: *mut T,
    len: usize,
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: a `Shards` is a `&mut [T]` whose users promise to touch disjoint ranges.
unsafe impl<T: Send> Sync for Shards<'_, T> {}

impl<'a, T> Shards<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self { start: slice.as_mut_ptr(), len: slice.len(), borrow: PhantomData }
    }

    /// The first element, for kernels that address the slice themselves.
    pub(crate) fn as_ptr(&self) -> *mut T {
        self.start
    }

    /// Lends `range` for writing.
    ///
    /// # Safety
    ///
    /// While the result lives nothing else may read or write `range`.
    #[allow(clippy::mut_from_ref)]
    #[inline]
    pub(crate) unsafe fn write(&self, range: Range<usize>) -> &mut [T] {
        assert!(range.start <= range.end && range.end <= self.len);
        // SAFETY: in bounds by the line above, exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(range.start), range.len()) }
    }
}
