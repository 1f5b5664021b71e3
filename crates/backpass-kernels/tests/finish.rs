//! Products that finish their sums before they store them, against products and maps one after the other, bit for bit.

mod common;

use backpass_kernels::*;
use common::for_each_isa;

const BATCH: Extent = Extent::BATCH;

/// A product of `k` columns with a right factor of `n`, then a map of two operands in place of the sums, as two commands.
fn commands(kind: Finish, n: usize, k: usize, accumulate: bool) -> (Vec<Command>, usize) {
    let rows = |fixed| Extent { fixed, batched: true };
    let mut end = 0;
    let mut place = |extent: Extent| {
        let buffer = Buffer { offset: end, extent };
        end += (extent.at(MAX_ROWS)).next_multiple_of(16);
        buffer
    };
    let (a, b, c) = (place(rows(k)), place(Extent::fixed(k * n)), place(rows(n)));
    let (x, y, r) = (Arg::Operand(0), Arg::Operand(1), Arg::Register(0));
    let (with, layout, actions) = match kind {
        Finish::Rectified => {
            let actions = [Action::Binary(Binary::Add, x, y), Action::Unary(Unary::Relu, r)];
            (place(Extent::fixed(n)), Layout::Row(n), actions)
        }
        Finish::Gated => {
            let actions = [Action::Unary(Unary::Step, y), Action::Binary(Binary::Mul, x, r)];
            (place(rows(n)), Layout::Full, actions)
        }
    };
    let program = Program::new(actions.map(|action| Instruction { action, to: 0 }).to_vec(), vec![r]);
    let finish = None;
    let product = Command::Matmul {
        m: BATCH,
        n,
        k: Extent::fixed(k),
        transpose_a: false,
        packed: false,
        a,
        b,
        c,
        accumulate,
        finish,
        sums: None,
    };
    let operands = vec![Reading::Output(0), Reading::Buffer(with, layout)];
    (vec![product, Command::Map { program, extent: rows(n), operands, outputs: vec![c] }], end)
}

const MAX_ROWS: usize = 131;

/// All elements after a run, from the same numbers, some of which are zero or not a number.
fn run<T: Real>(commands: Vec<Command>, len: usize, rows: usize, threads: usize, tile: Option<usize>) -> Vec<f64> {
    let sequence = Sequence::new(vec![vec![Chain { rows: BATCH, commands }]], len, MAX_ROWS, tile).unwrap();
    let mut arena = Arena::<T>::new(len).unwrap();
    let mut stream = philox::Stream::new(3, 0);
    for x in arena.as_mut_slice() {
        let normal = stream.normal();
        *x = T::from_f64(if normal > 2.5 {
            0.0
        } else if normal < -4.0 {
            f64::NAN
        } else {
            normal
        });
    }
    sequence.run(&Pool::new(threads), &mut arena, rows, 0, &[], None);
    arena.as_slice().iter().map(|x| x.to_f64()).collect()
}

fn check<T: Real>() {
    for_each_isa(|isa| {
        for kind in [Finish::Rectified, Finish::Gated] {
            for (n, k) in [(2, 1), (7, 3), (16, 5), (64, 17), (65, 40), (128, 600), (200, 801), (300, 1030)] {
                for accumulate in [false, true] {
                    let (two, len) = commands(kind, n, k, accumulate);
                    let mut one = two[..1].to_vec();
                    assert!(one[0].absorb(&two[1]), "{kind:?} {n} {k}");
                    assert!(one[0].to_string().contains(&format!(", {kind:?} by ")), "{}", one[0]);
                    for (rows, threads, tile) in
                        [(0, 1, None), (1, 1, None), (5, 2, None), (32, 2, None), (131, 3, Some(9)), (131, 2, None)]
                    {
                        let expected = run::<T>(two.clone(), len, rows, 1, None);
                        let found = run::<T>(one.clone(), len, rows, threads, tile);
                        let same = |(x, y): (&f64, &f64)| x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan();
                        let first = expected.iter().zip(&found).position(|pair| !same(pair));
                        assert_eq!(first, None, "{isa:?} {kind:?} {rows}×{n}×{k} {accumulate} {threads} {tile:?}");
                    }
                }
            }
        }
    });
}

#[test]
fn finished_sums_are_those_of_a_map_in_f32() {
    check::<f32>();
}

#[test]
fn finished_sums_are_those_of_a_map_in_f64() {
    check::<f64>();
}

#[test]
fn a_product_refuses_what_it_cannot_finish() {
    let (two, _) = commands(Finish::Rectified, 8, 4, false);
    let refused = |product: &Command, map: &Command| {
        let mut product = product.clone();
        assert!(!product.absorb(map), "{map}");
    };
    let change = |f: &dyn Fn(&mut Vec<Reading>, &mut Vec<Buffer>)| {
        let mut map = two[1].clone();
        if let Command::Map { operands, outputs, .. } = &mut map {
            f(operands, outputs);
        }
        map
    };
    // Another result, a bias for each element, another function, a second map, no depth.
    refused(&two[0], &change(&|_, outputs| outputs[0].offset += 16));
    refused(
        &two[0],
        &change(&|operands, _| {
            let Reading::Buffer(bias, _) = operands[1] else { unreachable!() };
            operands[1] = Reading::Buffer(bias, Layout::Scalar);
        }),
    );
    let exp = Instruction { action: Action::Unary(Unary::Exp, Arg::Operand(0)), to: 0 };
    let mut other = two[1].clone();
    if let Command::Map { program, .. } = &mut other {
        *program = Program::new(vec![exp], vec![Arg::Register(0)]);
    }
    refused(&two[0], &other);
    let mut once = two[0].clone();
    assert!(once.absorb(&two[1]));
    refused(&once, &two[1]);
    refused(&commands(Finish::Rectified, 8, 0, false).0[0], &two[1]);
    refused(&two[1], &two[0]);
}
