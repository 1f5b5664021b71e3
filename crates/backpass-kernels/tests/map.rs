//! Elementwise programs against one number at a time.

mod common;

use backpass_kernels::*;
use common::for_each_isa;

type OfOne = fn(f64) -> f64;
type OfTwo = fn(f64, f64) -> f64;

const UNARY: [(Unary, OfOne); 16] = [
    (Unary::Neg, |x| -x),
    (Unary::Abs, f64::abs),
    (Unary::Sqrt, f64::sqrt),
    (Unary::Exp, f64::exp),
    (Unary::ExpM1, f64::exp_m1),
    (Unary::Ln, f64::ln),
    (Unary::Sin, f64::sin),
    (Unary::Cos, f64::cos),
    (Unary::Tanh, f64::tanh),
    (Unary::Sigmoid, |x| 1.0 / (1.0 + (-x).exp())),
    (Unary::Softplus, |x| if x > 0.0 { x } else { 0.0 } + (-x.abs()).exp().ln_1p()),
    (Unary::Erf, libm::erf),
    (Unary::Recip, f64::recip),
    (Unary::Step, |x| if x.is_nan() { x } else { f64::from(x > 0.0) }),
    (Unary::Relu, |x| if x.is_nan() { x } else { x.max(0.0) }),
    (Unary::Square, |x| x * x),
];

fn either_nan(a: f64, b: f64, or: f64) -> f64 {
    if a.is_nan() || b.is_nan() { f64::NAN } else { or }
}

const BINARY: [(Binary, OfTwo); 14] = [
    (Binary::Add, |a, b| a + b),
    (Binary::Sub, |a, b| a - b),
    (Binary::Mul, |a, b| a * b),
    (Binary::Div, |a, b| a / b),
    (Binary::Pow, f64::powf),
    (Binary::Atan2, f64::atan2),
    (Binary::Min, |a, b| either_nan(a, b, a.min(b))),
    (Binary::Max, |a, b| either_nan(a, b, a.max(b))),
    (Binary::Lt, |a, b| f64::from(a < b)),
    (Binary::Le, |a, b| f64::from(a <= b)),
    (Binary::Gt, |a, b| f64::from(a > b)),
    (Binary::Ge, |a, b| f64::from(a >= b)),
    (Binary::Eq, |a, b| f64::from(a == b)),
    (Binary::Ne, |a, b| f64::from(a != b)),
];

/// Numbers of every kind, in the precision of `T`.
fn numbers<T: Real>(len: usize, seed: u64) -> Vec<T> {
    let special =
        [0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e-40, -1e-310, 3e38, -1e300, 88.8, -104.5];
    let mut stream = philox::Stream::new(seed, 0);
    (0..len)
        .map(|_| {
            T::from_f64(match stream.below(3) {
                0 => special[stream.below(special.len() as u64) as usize],
                1 => stream.normal() * 30.0,
                _ => stream.normal(),
            })
        })
        .collect()
}

fn close<T: Real>(got: T, want: f64) -> bool {
    let (got, want) = (got.to_f64(), T::from_f64(want).to_f64());
    let tiny = if size_of::<T>() == 4 { 1e-44 } else { 1e-322 };
    let part = if size_of::<T>() == 4 { 4e-7 } else { 1e-15 };
    got == want || got.is_nan() && want.is_nan() || (got - want).abs() <= want.abs() * part + tiny
}

/// The bits of numbers; all NaNs are the same.
fn bits<T: Real>(x: &[T]) -> Vec<u64> {
    let same_nan = |x: f64| if x.is_nan() { f64::NAN } else { x };
    x.iter().map(|x| same_nan(x.to_f64()).to_bits()).collect()
}

fn program(action: Action) -> Program {
    Program::new(vec![Instruction { action, to: 0 }], vec![Arg::Register(0)])
}

fn full<T>(x: &[T]) -> Operand<'_, T> {
    Operand { source: Source::Slice(x), layout: Layout::Full }
}

fn actions<T: Real>() {
    let pool = Pool::new(1);
    let (x, a, b, c) = (Arg::Operand(0), Arg::Operand(0), Arg::Operand(1), Arg::Operand(2));
    for len in (0..=67).chain([255, 256, 257, 1000]) {
        // One more at the front, so that the slices are unaligned.
        let [xs, ys, zs] = [1, 2, 3].map(|seed| numbers::<T>(len + 1, seed));
        let operands = [full(&xs[1..]), full(&ys[1..]), full(&zs[1..])];
        let mut got = vec![T::ZERO; len + 1];
        for (unary, reference) in UNARY {
            map(&pool, &program(Action::Unary(unary, x)), len, &operands, &mut [&mut got[1..]]);
            for i in 1..=len {
                let want = reference(xs[i].to_f64());
                assert!(close(got[i], want), "{unary:?}({:?}) = {:?}, not {want}", xs[i], got[i]);
            }
        }
        for (binary, reference) in BINARY {
            map(&pool, &program(Action::Binary(binary, a, b)), len, &operands, &mut [&mut got[1..]]);
            for i in 1..=len {
                let want = reference(xs[i].to_f64(), ys[i].to_f64());
                assert!(close(got[i], want), "{binary:?}({:?}, {:?}) = {:?}, not {want}", xs[i], ys[i], got[i]);
            }
        }
        map(&pool, &program(Action::Select(a, b, c)), len, &operands, &mut [&mut got[1..]]);
        for i in 1..=len {
            let want = if xs[i] != T::ZERO { ys[i] } else { zs[i] };
            assert!(close(got[i], want.to_f64()));
        }
    }
}

#[test]
fn every_action_on_every_isa() {
    for_each_isa(|_| {
        actions::<f32>();
        actions::<f64>();
    });
}

#[test]
fn constants_and_scalars_are_the_same_as_slices() {
    fn check<T: Real>() {
        let pool = Pool::new(1);
        let len = 300;
        let xs = numbers::<T>(len, 5);
        for value in [0.0, 0.75, -2.0] {
            let same = vec![T::from_f64(value); len];
            let operands =
                [full(&xs), full(&same), Operand { source: Source::Slice(&same[..1]), layout: Layout::Scalar }];
            let run = |action| {
                let mut y = vec![T::ZERO; len];
                map(&pool, &program(action), len, &operands, &mut [&mut y]);
                bits(&y)
            };
            let x = Arg::Operand(0);
            let alike = [Arg::Operand(1), Arg::Operand(2), Arg::Constant(value)];
            for (binary, _) in BINARY {
                for arg in alike {
                    let after = [x, Arg::Operand(1)].map(|x| Action::Binary(binary, x, arg));
                    let before = [x, Arg::Operand(1)].map(|x| Action::Binary(binary, arg, x));
                    let want = [x, Arg::Operand(1)].map(|x| Action::Binary(binary, x, Arg::Operand(1)));
                    assert_eq!(after.map(run), want.map(run));
                    let want = [x, Arg::Operand(1)].map(|x| Action::Binary(binary, Arg::Operand(1), x));
                    assert_eq!(before.map(run), want.map(run));
                }
            }
            for (unary, _) in UNARY {
                let want = run(Action::Unary(unary, Arg::Operand(1)));
                assert!(alike.iter().all(|&arg| run(Action::Unary(unary, arg)) == want));
            }
            let slot = Arg::Operand(1);
            for one in alike {
                assert_eq!(run(Action::Select(one, x, slot)), run(Action::Select(slot, x, slot)));
                assert_eq!(run(Action::Select(x, one, slot)), run(Action::Select(x, slot, slot)));
                assert_eq!(run(Action::Select(x, slot, one)), run(Action::Select(x, slot, slot)));
                assert_eq!(run(Action::Select(one, x, one)), run(Action::Select(slot, x, slot)));
            }
        }
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn layouts() {
    let pool = Pool::new(2);
    for len in (1..=67_usize).chain([255, 256, 257, 700, 70_000]) {
        for size in [1, 2, 3, 7, 10, 64, 255, 256, 300, 1000] {
            let row: Vec<f32> = (0..size).map(|i| i as f32).collect();
            let column: Vec<f32> = (0..len.div_ceil(size)).map(|i| i as f32).collect();
            let operand = |x, layout| Operand { source: Source::Slice(x), layout };
            let program = Program::new(vec![], vec![Arg::Operand(0), Arg::Operand(1), Arg::Operand(2)]);
            let (mut rows, mut columns, mut scalars) = (vec![0.0; len], vec![0.0; len], vec![0.0; len]);
            map(
                &pool,
                &program,
                len,
                &[
                    operand(&row, Layout::Row(size)),
                    operand(&column, Layout::Column(size)),
                    operand(&[7.0, 8.0], Layout::Scalar),
                ],
                &mut [&mut rows, &mut columns, &mut scalars],
            );
            for i in 0..len {
                assert_eq!(rows[i], (i % size) as f32);
                assert_eq!(columns[i], (i / size) as f32);
                assert_eq!(scalars[i], 7.0);
            }
        }
    }
}

/// y0 = y0·0.5 + tanh(x), y1 = uniform + normal, y2 = y2, with every register in use.
fn long_program() -> Program {
    let mut instructions = vec![
        Instruction { action: Action::Unary(Unary::Tanh, Arg::Operand(0)), to: 0 },
        Instruction { action: Action::Binary(Binary::Mul, Arg::Operand(1), Arg::Constant(0.5)), to: 1 },
        Instruction { action: Action::Binary(Binary::Add, Arg::Register(0), Arg::Register(1)), to: 0 },
        Instruction { action: Action::Uniform { key: 11, step: Arg::Constant(4.0) }, to: 2 },
        Instruction { action: Action::Normal { key: 12, step: Arg::Operand(3) }, to: 3 },
        Instruction { action: Action::Binary(Binary::Add, Arg::Register(2), Arg::Register(3)), to: 2 },
    ];
    for to in 4..MAX_REGISTERS as u8 {
        instructions.push(Instruction { action: Action::Unary(Unary::Neg, Arg::Register(to - 1)), to });
    }
    Program::new(instructions, vec![Arg::Register(0), Arg::Register(2), Arg::Operand(2)])
}

fn run_long<T: Real>(pool: &Pool, len: usize) -> [Vec<u64>; 3] {
    let [x, mut y0, mut y2] = [1, 2, 3].map(|seed| numbers::<T>(len, seed));
    let mut y1 = vec![T::ZERO; len];
    let output = |k| Operand { source: Source::Output(k), layout: Layout::Full };
    let step = [T::from_f64(9.0)];
    let step = Operand { source: Source::Slice(&step[..]), layout: Layout::Scalar };
    map(pool, &long_program(), len, &[full(&x), output(0), output(2), step], &mut [&mut y0, &mut y1, &mut y2]);
    [y0, y1, y2].map(|y| bits(&y))
}

#[test]
fn in_place_and_random() {
    let len = 1000;
    let got = run_long::<f32>(&Pool::new(1), len);
    let [x, old0, old2] = [1, 2, 3].map(|seed| numbers::<f32>(len, seed));
    for i in 0..len {
        let want = [
            math::tanh(x[i]) + old0[i] * 0.5,
            philox::uniform(11, 4, i as u64) as f32 + philox::normal(12, 9, i as u64) as f32,
            old2[i],
        ];
        for (got, want) in got.iter().zip(want) {
            let got = f64::from_bits(got[i]) as f32;
            assert!(got == want || got.is_nan() && want.is_nan());
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_threads_or_isa() {
    let lens = [1, 100, 3000, 50_000];
    let want32 = lens.map(|len| run_long::<f32>(&Pool::new(1), len));
    let want64 = lens.map(|len| run_long::<f64>(&Pool::new(1), len));
    for threads in [1, 2, 3, 7] {
        let pool = Pool::new(threads);
        for_each_isa(|_| {
            assert!(lens.map(|len| run_long::<f32>(&pool, len)) == want32);
            assert!(lens.map(|len| run_long::<f64>(&pool, len)) == want64);
        });
    }
}

#[test]
fn the_bits_of_every_function_do_not_depend_on_the_isa() {
    fn check<T: Real>() {
        let pool = Pool::new(1);
        let xs = numbers::<T>(5000, 8);
        let mut seen = Vec::new();
        for_each_isa(|_| {
            seen.push(UNARY.map(|(unary, _)| {
                let mut y = vec![T::ZERO; xs.len()];
                let program = program(Action::Unary(unary, Arg::Operand(0)));
                map(&pool, &program, xs.len(), &[full(&xs)], &mut [&mut y]);
                bits(&y)
            }));
        });
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn programs_print() {
    assert_eq!(
        long_program().to_string().lines().take(6).collect::<Vec<_>>(),
        [
            "r0 = tanh(x0)",
            "r1 = x1 * 0.5",
            "r0 = r0 + r1",
            "r2 = uniform(key 11, step 4)",
            "r3 = normal(key 12, step x3)",
            "r2 = r2 + r3"
        ]
    );
    let program = program(Action::Select(Arg::Operand(0), Arg::Operand(1), Arg::Constant(0.0)));
    assert_eq!(program.to_string(), "r0 = select(x0, x1, 0)\ny0 = r0\n");
}

fn run_wrong(program: &Program, operands: &[Operand<'_, f32>]) {
    let mut y = [[0.0; 3]; 2];
    let mut y = y.each_mut().map(|y| &mut y[..]);
    let count = program.outputs().len();
    map(&Pool::new(1), program, 3, operands, &mut y[..count]);
}

#[test]
#[should_panic = "operand 0 does not fit its layout Full"]
fn a_wrong_length() {
    run_wrong(&program(Action::Unary(Unary::Neg, Arg::Operand(0))), &[full(&[1.0])]);
}

#[test]
#[should_panic = "there is no operand 1"]
fn a_missing_operand() {
    run_wrong(&program(Action::Unary(Unary::Neg, Arg::Operand(1))), &[full(&[1.0; 3])]);
}

#[test]
#[should_panic = "register 5 is read before it is written"]
fn an_unwritten_register() {
    run_wrong(&program(Action::Unary(Unary::Neg, Arg::Register(5))), &[]);
}

#[test]
#[should_panic = "output 0 is the old value of another"]
fn swapped_outputs() {
    let output = |k| Operand { source: Source::Output(k), layout: Layout::Full };
    let program = Program::new(vec![], vec![Arg::Operand(1), Arg::Operand(0)]);
    run_wrong(&program, &[output(0), output(1)]);
}

/// The programs that run in one pass, with the operand that each output replaces.
fn fused_programs() -> Vec<(Program, Vec<Option<u8>>)> {
    let (x, r, c) = (Arg::Operand, Arg::Register, Arg::Constant);
    let step = |to, action| Instruction { action, to };
    let two = |f, a, b, to| step(to, Action::Binary(f, a, b));
    let one = |f, a, to| step(to, Action::Unary(f, a));
    let layer = vec![two(Binary::Add, x(0), x(1), 0), one(Unary::Relu, r(0), 1)];
    let gated = vec![one(Unary::Step, x(1), 0), two(Binary::Mul, x(0), r(0), 0)];
    let descent = vec![two(Binary::Mul, x(1), x(2), 0), two(Binary::Sub, x(0), r(0), 0)];
    let adam = vec![
        two(Binary::Mul, x(0), c(0.9), 0),
        two(Binary::Mul, x(1), c(0.1), 1),
        two(Binary::Add, r(0), r(1), 0),
        two(Binary::Mul, x(2), c(0.95), 1),
        two(Binary::Mul, x(1), x(1), 2),
        two(Binary::Mul, r(2), c(0.05), 2),
        two(Binary::Add, r(1), r(2), 1),
        one(Unary::Sqrt, r(1), 2),
        two(Binary::Add, r(2), x(3), 2),
        two(Binary::Div, r(0), r(2), 2),
        two(Binary::Mul, r(2), x(4), 2),
        two(Binary::Sub, x(5), r(2), 2),
    ];
    let mut adamw = adam.clone();
    adamw.extend([two(Binary::Mul, x(5), x(6), 3), two(Binary::Sub, r(2), r(3), 2)]);
    let three = || vec![r(0), r(1), r(2)];
    vec![
        (Program::new(layer, vec![r(1)]), vec![Some(0)]),
        (Program::new(gated, vec![r(0)]), vec![Some(0)]),
        (Program::new(descent, vec![r(0)]), vec![Some(0)]),
        (Program::new(adam, three()), vec![Some(0), Some(2), Some(5)]),
        (Program::new(adamw, three()), vec![Some(0), Some(2), Some(5)]),
    ]
}

fn run_fused<T: Real>(pool: &Pool, program: &Program, replaced: &[Option<u8>], len: usize) -> Vec<Vec<u64>> {
    let values: Vec<Vec<T>> = (0..7).map(|seed| numbers(len, seed)).collect();
    let period = len.clamp(1, 5);
    let mut outputs: Vec<Vec<T>> =
        replaced.iter().map(|i| i.map_or(vec![T::ZERO; len], |i| values[usize::from(i)].clone())).collect();
    let operand = |i: usize| match replaced.iter().position(|r| *r == Some(i as u8)) {
        Some(k) => Operand { source: Source::Output(k), layout: Layout::Full },
        // Operand 1 of the layers is a row, and the last ones of the optimisers are single numbers.
        None if replaced.len() < 3 && i == 1 && len > 0 => {
            Operand { source: Source::Slice(&values[i][..period]), layout: Layout::Row(period) }
        }
        None if i > 1 && len > 0 => Operand { source: Source::Slice(&values[i][..1]), layout: Layout::Scalar },
        None => full(&values[i]),
    };
    let operands: Vec<_> = (0..7).map(operand).collect();
    let mut slices: Vec<&mut [T]> = outputs.iter_mut().map(|y| &mut y[..]).collect();
    map(pool, program, len, &operands, &mut slices);
    outputs.iter().map(|y| bits(y)).collect()
}

#[test]
fn one_pass_gives_the_bits_of_the_steps() {
    let pools = [1, 3].map(Pool::new);
    for (program, replaced) in fused_programs() {
        assert!(program.is_fused(), "{program}");
        // One more step, whose value nobody wants: not a program that is known.
        let mut steps = program.instructions().to_vec();
        let to = MAX_REGISTERS as u8 - 1;
        steps.push(Instruction { action: Action::Unary(Unary::Neg, Arg::Operand(0)), to });
        let plain = Program::new(steps, program.outputs().to_vec());
        assert!(!plain.is_fused());
        for_each_isa(|_| {
            for len in (0..=67).chain([255, 256, 257, 1000, 70_000]) {
                let want = run_fused::<f32>(&pools[0], &plain, &replaced, len);
                assert!(
                    pools.iter().all(|p| run_fused::<f32>(p, &program, &replaced, len) == want),
                    "{len}: {program}"
                );
                let want = run_fused::<f64>(&pools[0], &plain, &replaced, len);
                assert!(
                    pools.iter().all(|p| run_fused::<f64>(p, &program, &replaced, len) == want),
                    "{len}: {program}"
                );
            }
        });
    }
}

#[test]
fn what_differs_in_one_place_is_not_that_program() {
    for (program, _) in fused_programs() {
        for i in 0..program.instructions().len() {
            let mut steps = program.instructions().to_vec();
            steps[i].action = match steps[i].action {
                Action::Unary(Unary::Sqrt, a) => Action::Unary(Unary::Abs, a),
                Action::Unary(_, a) => Action::Unary(Unary::Neg, a),
                Action::Binary(Binary::Add, a, b) => Action::Binary(Binary::Max, a, b),
                Action::Binary(_, a, b) => Action::Binary(Binary::Add, a, b),
                other => other,
            };
            assert!(!Program::new(steps, program.outputs().to_vec()).is_fused(), "step {i} of {program}");
        }
        let mut outputs = program.outputs().to_vec();
        outputs.push(outputs[0]);
        assert!(!Program::new(program.instructions().to_vec(), outputs).is_fused(), "one more output of {program}");
    }
}
