//! The arena and its views.

#![allow(clippy::single_range_in_vec_init)]

use backpass_kernels::{Arena, MAX_READS, MAX_WRITES};

#[test]
fn is_aligned_and_zeroed() {
    for len in [0, 1, 15, 1000] {
        let mut arena = Arena::<f32>::new(len).unwrap();
        assert_eq!(arena.len(), len);
        assert_eq!(arena.is_empty(), len == 0);
        assert!(len == 0 || (arena.as_slice().as_ptr() as usize).is_multiple_of(64));
        assert!(arena.as_slice().iter().all(|&x| x == 0.0));
        arena.fill(2.0);
        arena.as_mut_slice().iter_mut().for_each(|x| *x += 1.0);
        assert!(arena.as_slice().iter().all(|&x| x == 3.0));
    }
}

#[test]
fn too_much_is_an_error() {
    let error = Arena::<f64>::new(usize::MAX / 4).unwrap_err();
    assert!(error.to_string().starts_with("cannot allocate"));
    assert!(Arena::<f64>::new(1 << 58).is_err());
}

#[test]
fn views_are_the_ranges() {
    let mut arena = Arena::<f64>::new(10).unwrap();
    for (i, x) in arena.as_mut_slice().iter_mut().enumerate() {
        *x = i as f64;
    }
    let views = arena.views([0..4, 2..5, 3..3], [5..7, 7..10, 6..6]);
    assert_eq!(views.reads[0], [0.0, 1.0, 2.0, 3.0]);
    assert_eq!(views.reads[1], [2.0, 3.0, 4.0]);
    assert!(views.reads[2].is_empty());
    views.writes[0].copy_from_slice(&views.reads[0][..2]);
    views.writes[1].fill(9.0);
    assert!(views.writes[2].is_empty());
    assert_eq!(arena.as_slice(), [0.0, 1.0, 2.0, 3.0, 4.0, 0.0, 1.0, 9.0, 9.0, 9.0]);
}

#[test]
#[should_panic = "write 3..6 overlaps 5..8"]
fn a_write_must_not_overlap_a_read() {
    Arena::<f32>::new(10).unwrap().views([0..2, 5..8], [3..6]);
}

#[test]
#[should_panic = "write 5..8 overlaps 3..6"]
fn writes_must_not_overlap() {
    Arena::<f32>::new(10).unwrap().views([], [3..6, 5..8]);
}

#[test]
#[should_panic = "range 8..11 lies outside the arena of 10"]
fn views_lie_inside() {
    Arena::<f32>::new(10).unwrap().views([8..11], []);
}

#[test]
fn many_views() {
    let mut arena = Arena::<f32>::new(64).unwrap();
    let reads: [_; MAX_READS] = std::array::from_fn(|i| i..i + 1);
    let writes: [_; MAX_WRITES] = std::array::from_fn(|i| 32 + i..33 + i);
    let views = arena.views(reads, writes);
    assert!(views.reads.iter().all(|view| view.len() == 1));
    assert!(views.writes.iter().all(|view| view.len() == 1));
}
