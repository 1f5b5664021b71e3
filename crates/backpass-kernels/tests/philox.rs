//! The random numbers: known answers, exactness and moments.

use backpass_kernels::philox::{Stream, normal, philox4x32, uniform};

#[test]
fn known_answers_of_random123() {
    let ones = u32::MAX;
    assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
    assert_eq!(philox4x32([ones; 4], [ones; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
    assert_eq!(
        philox4x32([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
        [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
    );
}

#[test]
fn uniform_is_exact_in_f32() {
    let mut sum = 0.0;
    for element in 0..100_000 {
        let x = uniform(7, 3, element);
        assert!((0.0..1.0).contains(&x));
        assert_eq!(f64::from(x as f32), x);
        sum += x;
    }
    assert!((sum / 1e5 - 0.5).abs() < 0.003);
    assert_ne!(uniform(7, 3, 0), uniform(7, 4, 0));
    assert_ne!(uniform(7, 3, 0), uniform(8, 3, 0));
    assert_ne!(uniform(7, 3, 0), uniform(7, 3, 1 << 32));
}

#[test]
fn uniform_and_normal_share_the_words_of_a_stream() {
    let (mut words, mut normals) = (Stream::new(7, 3), Stream::new(7, 3));
    for element in 0..50 {
        assert_eq!(uniform(7, 3, element), f64::from(words.next_u32() >> 8) / f64::from(1 << 24));
        assert_eq!(normal(7, 3, element), normals.normal());
    }
}

fn moments(draw: impl Fn(u64) -> f64) {
    let mut sums = [0.0; 4];
    for element in 0..200_000 {
        let x = draw(element);
        assert!(x.is_finite());
        for (power, sum) in sums.iter_mut().enumerate() {
            *sum += x.powi(power as i32 + 1) / 2e5;
        }
    }
    for (sum, (want, slack)) in sums.iter().zip([(0.0, 0.01), (1.0, 0.02), (0.0, 0.04), (3.0, 0.1)]) {
        assert!((sum - want).abs() < slack, "{sums:?}");
    }
}

#[test]
fn normal_has_the_moments() {
    moments(|element| normal(1, 2, element));
}

#[test]
fn a_stream_can_be_resumed() {
    let mut stream = Stream::new(5, 1);
    let first = stream.next_u64();
    let saved = stream;
    let rest: Vec<u32> = (0..9).map(|_| stream.next_u32()).collect();
    let mut resumed = saved;
    assert_eq!(rest, (0..9).map(|_| resumed.next_u32()).collect::<Vec<_>>());
    assert_eq!(resumed, stream);
    let [a, b, c, _] = philox4x32([0, 0, 1, 0], [5, 0]);
    assert_eq!(first, u64::from(a) | u64::from(b) << 32);
    assert_eq!(rest[0], c);
    let x = stream.uniform();
    assert!((0.0..1.0).contains(&x));
    assert!(stream.normal().is_finite());
}

#[test]
fn below_is_even() {
    let mut stream = Stream::new(9, 0);
    let mut counts = [0; 6];
    for _ in 0..60_000 {
        counts[stream.below(6) as usize] += 1;
    }
    assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
    assert_eq!(stream.below(1), 0);
    assert!((0..100).all(|_| stream.below(u64::MAX) < u64::MAX));
}

#[test]
fn shuffle_reaches_every_order() {
    let mut stream = Stream::new(3, 0);
    let mut counts = std::collections::HashMap::new();
    for _ in 0..24_000 {
        let mut items = [0, 1, 2, 3];
        stream.shuffle(&mut items);
        *counts.entry(items).or_insert(0) += 1;
    }
    assert_eq!(counts.len(), 24);
    assert!(counts.values().all(|count| (800..1200).contains(count)));
    stream.shuffle(&mut []);
}
