//! Products over the batch that also sum the columns of their right factor, against plain sums in order, bit for bit.

mod common;

use std::ops::Range;

use backpass_kernels::*;
use common::for_each_isa;

const MAX_ROWS: usize = 1700;
/// The depth of one pass; each is summed on its own.
const PASS: usize = 800;

/// A left factor of `m` columns, a right one of `n`, both with a row for each of the batch, the product and the sums.
fn stages(m: usize, n: usize, packed: bool, sums: bool) -> (Vec<Vec<Chain>>, [Buffer; 4], usize) {
    let mut end = 0;
    let mut place = |fixed: usize, batched: bool| {
        let buffer = Buffer { offset: end, extent: Extent { fixed, batched } };
        end += buffer.extent.at(MAX_ROWS).next_multiple_of(16);
        buffer
    };
    let (a, b, c, y) = (place(m, true), place(n, true), place(m * n, false), place(n, false));
    let panels = place(packed_len(1, n), true);
    let k = Extent::BATCH;
    let product = Command::Matmul {
        m: Extent::fixed(m),
        n,
        k,
        transpose_a: true,
        packed,
        a,
        b: if packed { panels } else { b },
        c,
        accumulate: false,
        finish: None,
        sums: sums.then_some(y),
    };
    let pack = Command::Pack { k, n, transposed: false, b, packed: panels };
    let commands = if packed { vec![pack, product] } else { vec![product] };
    (commands.into_iter().map(|command| vec![Chain::new(vec![command])]).collect(), [a, b, c, y], end)
}

fn run<T: Real>(stages: Vec<Vec<Chain>>, len: usize, rows: usize, threads: usize, tile: Option<usize>) -> Arena<T> {
    let sequence = Sequence::new(stages, len, MAX_ROWS, tile).unwrap();
    let mut arena = Arena::<T>::new(len).unwrap();
    let mut stream = philox::Stream::new(5, 0);
    arena.as_mut_slice().iter_mut().for_each(|x| *x = T::from_f64(stream.normal()));
    let pool = Pool::new(threads);
    (0..sequence.stages()).for_each(|stage| sequence.run(&pool, &mut arena, rows, stage, &[], None));
    arena
}

fn bits<T: Real>(values: &[T]) -> Vec<u64> {
    values.iter().map(|value| value.to_f64().to_bits()).collect()
}

fn check<T: Real>() {
    for_each_isa(|isa| {
        for (m, n) in [(1, 1), (1, 200), (2, 7), (6, 16), (13, 65), (96, 64), (97, 33), (200, 130)] {
            for packed in [false, true] {
                for (rows, threads, tile) in [
                    (0, 1, None),
                    (1, 2, None),
                    (9, 1, None),
                    (200, 3, Some(1)),
                    (801, 2, None),
                    (MAX_ROWS, 2, Some(40)),
                ] {
                    let case = format!("{isa:?} {m}×{n}, {rows} rows, packed {packed}, {threads} threads");
                    let (plain, [_, b, c, y], len) = stages(m, n, packed, false);
                    let plain = run::<T>(plain, len, rows, 1, None);
                    let both = run::<T>(stages(m, n, packed, true).0, len, rows, threads, tile);
                    let at = |arena: &Arena<T>, buffer: Buffer| bits(&arena.as_slice()[buffer.range(rows)]);
                    assert_eq!(at(&both, c), at(&plain, c), "{case}");
                    let mut sums = vec![T::ZERO; n];
                    for pass in plain.as_slice()[b.range(rows)].chunks(PASS * n) {
                        let mut part = vec![T::ZERO; n];
                        for row in pass.chunks_exact(n) {
                            part.iter_mut().zip(row).for_each(|(sum, x)| *sum = *sum + *x);
                        }
                        sums.iter_mut().zip(part).for_each(|(sum, part)| *sum = *sum + part);
                    }
                    assert_eq!(at(&both, y), bits(&sums), "{case}");
                    let Range { start, end } = y.range(rows);
                    let others = |arena: &Arena<T>| [bits(&arena.as_slice()[..start]), bits(&arena.as_slice()[end..])];
                    assert_eq!(others(&both), others(&plain), "{case}");
                }
            }
        }
    });
}

#[test]
fn columns_are_summed_in_order_in_f32() {
    check::<f32>();
}

#[test]
fn columns_are_summed_in_order_in_f64() {
    check::<f64>();
}

#[test]
fn sums_that_do_not_fit_are_refused() {
    let refused = |change: &dyn Fn(&mut Command, &mut Vec<Command>), what: &str| {
        let (mut stages, _, len) = stages(40, 24, false, true);
        let mut more = Vec::new();
        change(&mut stages[0][0].commands[0], &mut more);
        stages[0][0].commands.extend(more);
        let error = Sequence::new(stages, len, MAX_ROWS, None).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    };
    let set = |command: &mut Command, change: &dyn Fn(&mut Buffer)| {
        if let Command::Matmul { sums: Some(sums), .. } = command {
            change(sums);
        }
    };
    refused(&|product, _| set(product, &|sums| sums.extent = Extent::fixed(23)), "sizes do not fit");
    refused(&|product, _| set(product, &|sums| sums.offset = 0), "writes what it uses");
    refused(
        &|product, _| {
            if let Command::Matmul { m, k, a, b, c, sums, .. } = product {
                let batched = |fixed| Extent { fixed, batched: true };
                (*m, *k) = (Extent::BATCH, Extent::fixed(1));
                (a.extent, b.extent, c.extent) = (batched(1), Extent::fixed(24), batched(24));
                *sums = sums.map(|sums| Buffer { offset: 0, ..sums });
            }
        },
        "sizes do not fit",
    );
    refused(
        &|product, _| {
            if let Command::Matmul { m, a, c, .. } = product {
                *m = Extent::fixed(0);
                (a.extent.fixed, c.extent.fixed) = (0, 0);
            }
        },
        "sizes do not fit",
    );
    // Whoever reads the sums beside other tiles might come before them.
    refused(
        &|product, more| {
            let Command::Matmul { c, sums: Some(sums), .. } = *product else { unreachable!() };
            let program = Program::new(
                vec![Instruction { action: Action::Binary(Binary::Mul, Arg::Operand(0), Arg::Operand(1)), to: 0 }],
                vec![Arg::Register(0)],
            );
            let operands = vec![Reading::Output(0), Reading::Buffer(sums, Layout::Row(24))];
            more.push(Command::Map { program, extent: c.extent, operands, outputs: vec![c] });
        },
        "in the way",
    );
}
