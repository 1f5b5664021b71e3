//! One aligned allocation from which many slices are borrowed at once.

use std::alloc::{Layout, alloc, dealloc};
use std::fmt;
use std::ops::Range;
use std::ptr::NonNull;

use crate::Real;

/// The most operands of a program.
pub const MAX_READS: usize = 16;
/// The most outputs of a program.
pub const MAX_WRITES: usize = 8;

/// Bytes of a line of the cache.
pub(crate) const LINE: usize = 64;
/// Larger arenas begin at a multiple of this.
const HUGE_PAGE: usize = 1 << 21;

/// A zeroed, 64-byte-aligned allocation of fixed length.
pub struct Arena<T> {
    start: NonNull<T>,
    len: usize,
}

// SAFETY: an arena owns its elements as a `Box<[T]>` does.
unsafe impl<T: Send> Send for Arena<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Arena<T> {}

/// Slices of one arena, borrowed together, in the order in which they were asked for.
#[derive(Debug)]
pub struct Views<'a, T, const R: usize, const W: usize> {
    /// The ranges to read.
    pub reads: [&'a [T]; R],
    /// The ranges to write.
    pub writes: [&'a mut [T]; W],
}

/// An arena's memory could not be allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArenaError {
    /// The length asked for, in elements.
    pub len: usize,
    /// The size of one element in bytes.
    pub element: usize,
}

impl fmt::Display for ArenaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { len, element } = self;
        write!(f, "cannot allocate {len} elements of {element} bytes")
    }
}

impl std::error::Error for ArenaError {}

impl<T: Real> Arena<T> {
    /// Allocates `len` zeros.
    pub fn new(len: usize) -> Result<Self, ArenaError> {
        let error = ArenaError { len, element: size_of::<T>() };
        let layout = layout::<T>(len).ok_or(error)?;
        let start = if len == 0 {
            NonNull::dangling()
        } else {
            // SAFETY: the layout is not empty.
            let start = NonNull::new(unsafe { alloc(layout) }).ok_or(error)?;
            // Before the first touch, which is when the system chooses the pages.
            huge_pages(start, layout.size());
            // SAFETY: just allocated.
            unsafe { start.write_bytes(0, layout.size()) };
            start.cast()
        };
        Ok(Self { start, len })
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All elements.
    pub fn as_slice(&self) -> &[T] {
        // SAFETY: `len` elements were allocated, and all bits zero is a number.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// All elements, to be written.
    pub fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: as in `as_slice`, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }

    /// Sets every element to `value`.
    pub fn fill(&mut self, value: T) {
        self.as_mut_slice().fill(value);
    }

    /// Borrows several ranges at once. Reads may overlap one another.
    ///
    /// # Panics
    ///
    /// If a range lies outside the arena, or if a write overlaps any other range.
    #[inline]
    pub fn views<const R: usize, const W: usize>(
        &mut self,
        reads: [Range<usize>; R],
        writes: [Range<usize>; W],
    ) -> Views<'_, T, R, W> {
        for range in reads.iter().chain(&writes) {
            assert!(
                range.start <= range.end && range.end <= self.len,
                "range {range:?} lies outside the arena of {}",
                self.len
            );
        }
        for (i, write) in writes.iter().enumerate() {
            for other in reads.iter().chain(&writes[..i]) {
                assert!(!overlap(write, other), "write {write:?} overlaps {other:?} in the arena");
            }
        }
        let start = self.start.as_ptr();
        Views {
            // SAFETY: in bounds, and no write overlaps a read.
            reads: reads.map(|range| unsafe { std::slice::from_raw_parts(start.add(range.start), range.len()) }),
            // SAFETY: in bounds, and no other range overlaps a write.
            writes: writes.map(|range| unsafe { std::slice::from_raw_parts_mut(start.add(range.start), range.len()) }),
        }
    }
}

impl<T> Drop for Arena<T> {
    fn drop(&mut self) {
        if self.len > 0 {
            let layout = layout::<T>(self.len).expect("the layout was valid in `new`");
            // SAFETY: allocated in `new` with this very layout.
            unsafe { dealloc(self.start.as_ptr().cast(), layout) };
        }
    }
}

impl<T> fmt::Debug for Arena<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena").field("len", &self.len).finish()
    }
}

fn layout<T>(len: usize) -> Option<Layout> {
    let layout = Layout::array::<T>(len).ok()?;
    layout.align_to(if layout.size() < HUGE_PAGE { LINE } else { HUGE_PAGE }).ok()
}

/// Asks the system for pages of 2 MiB, so that addresses of large matrices are found without walks through page tables.
/// It is a wish: where it is not granted nothing changes but time.
fn huge_pages(start: NonNull<u8>, bytes: usize) {
    #[cfg(target_os = "linux")]
    if bytes >= HUGE_PAGE {
        // SAFETY: the range is ours, and the advice changes no contents.
        unsafe { libc::madvise(start.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (start, bytes);
}

fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start.max(b.start) < a.end.min(b.end)
}
