//! Tapes against programs of one step at a time, bit for bit.

mod common;

use backpass_kernels::*;
use common::{FORCED, for_each_isa};

const UNARY: [Unary; 15] = [
    Unary::Neg,
    Unary::Abs,
    Unary::Sqrt,
    Unary::Exp,
    Unary::Ln,
    Unary::Sin,
    Unary::Cos,
    Unary::Tanh,
    Unary::Sigmoid,
    Unary::Softplus,
    Unary::Erf,
    Unary::Recip,
    Unary::Step,
    Unary::Relu,
    Unary::Square,
];

const BINARY: [Binary; 14] = [
    Binary::Add,
    Binary::Sub,
    Binary::Mul,
    Binary::Div,
    Binary::Pow,
    Binary::Atan2,
    Binary::Min,
    Binary::Max,
    Binary::Lt,
    Binary::Le,
    Binary::Gt,
    Binary::Ge,
    Binary::Eq,
    Binary::Ne,
];

/// The bits of numbers; all NaNs are the same.
fn bits<T: Real>(x: &[T]) -> Vec<u64> {
    let same_nan = |x: f64| if x.is_nan() { f64::NAN } else { x };
    x.iter().map(|x| same_nan(x.to_f64()).to_bits()).collect()
}

struct Case {
    steps: Vec<Step>,
    operands: usize,
    results: Vec<Value>,
}

/// Steps of every kind. Sums and products come more often, so that some join.
fn random_case(stream: &mut philox::Stream, count: usize, operands: usize) -> Case {
    let mut steps = Vec::new();
    for index in 0..count {
        let mut value = || match stream.below(8) {
            0 => Value::Constant(stream.below(5) as f64 - 2.0),
            1 | 2 => Value::Operand(stream.below(operands as u64) as usize),
            _ if index == 0 => Value::Operand(0),
            // Mostly a late one.
            3 => Value::Step(stream.below(index as u64) as usize),
            _ => Value::Step(index - 1 - stream.below(index.min(4) as u64) as usize),
        };
        let (a, b, c) = (value(), value(), value());
        steps.push(match stream.below(8) {
            0..=2 => Step::Binary(Binary::Mul, a, b),
            3 | 4 => Step::Binary(Binary::Add, a, b),
            5 => Step::Binary(BINARY[stream.below(14) as usize], a, b),
            6 if index % 3 == 0 => Step::Binary(Binary::Sub, a, b),
            6 if index % 3 == 1 => Step::Unary(Unary::Neg, a),
            6 => Step::Unary(UNARY[stream.below(15) as usize], a),
            _ => Step::Select(a, b, c),
        });
    }
    // Any step, one of them twice, an operand and a constant.
    let mut results: Vec<Value> = (0..3).map(|_| Value::Step(stream.below(count as u64) as usize)).collect();
    results.extend([results[0], Value::Step(count - 1), Value::Operand(0), Value::Constant(7.5)]);
    Case { steps, operands, results }
}

/// One step at a time, with a program of its own.
fn reference<T: Real>(case: &Case, operands: &[Vec<T>], rows: usize) -> Vec<Vec<T>> {
    let pool = Pool::new(1);
    let mut values: Vec<Vec<T>> = Vec::new();
    let find = |value: Value, values: &[Vec<T>]| match value {
        Value::Step(s) => values[s].clone(),
        Value::Operand(i) => operands[i].clone(),
        Value::Constant(c) => vec![T::from_f64(c); rows],
    };
    for step in &case.steps {
        let [x, y, z] = [0, 1, 2].map(Arg::Operand);
        let (action, args) = match *step {
            Step::Unary(f, a) => (Action::Unary(f, x), [a, a, a]),
            Step::Binary(f, a, b) => (Action::Binary(f, x, y), [a, b, b]),
            Step::Select(a, b, c) => (Action::Select(x, y, z), [a, b, c]),
        };
        let args = args.map(|value| find(value, &values));
        let operands = args.each_ref().map(|x| Operand { source: Source::Slice(&x[..]), layout: Layout::Full });
        let program = Program::new(vec![Instruction { action, to: 0 }], vec![Arg::Register(0)]);
        let mut result = vec![T::ZERO; rows];
        map(&pool, &program, rows, &operands, &mut [&mut result]);
        values.push(result);
    }
    case.results.iter().map(|&value| find(value, &values)).collect()
}

/// Runs a case for `rows` points, or for single numbers; results from the second on take the places of operands where
/// `in_place` says so.
fn run<T: Real>(
    case: &Case,
    values: &[Vec<T>],
    rows: Option<usize>,
    shared: bool,
    in_place: bool,
    threads: usize,
) -> Vec<Vec<T>> {
    let width = rows.unwrap_or(1);
    let place = |i: usize| if rows.is_some() { Place::Points(i * width) } else { Place::Number(i) };
    let numbers = (case.operands + case.results.len()) * width;
    // The last operand may be a number that all points share.
    let mut operands: Vec<Place> = (0..case.operands).map(place).collect();
    if shared {
        operands[case.operands - 1] = Place::Number(numbers);
    }
    let offset = if in_place { 1 } else { case.operands };
    let results: Vec<(Value, Place)> =
        case.results.iter().enumerate().map(|(i, &value)| (value, place(i + offset))).collect();
    let tape = Tape::new(&case.steps, &operands, &results, numbers + 1);
    let mut memory = vec![T::from_f64(f64::NAN); tape.end().max(numbers + 1)];
    for (place, values) in operands.iter().zip(values) {
        match *place {
            Place::Number(at) => memory[at] = values[0],
            Place::Points(at) => memory[at..at + width].copy_from_slice(values),
        }
    }
    for (slot, &c) in memory[numbers + 1..].iter_mut().zip(tape.constants()) {
        *slot = T::from_f64(c);
    }
    tape.run(&Pool::new(threads), &mut memory, width);
    let at = |place: Place| match place {
        Place::Number(at) | Place::Points(at) => memory[at..at + width].to_vec(),
    };
    results.iter().map(|&(_, place)| at(place)).collect()
}

fn check<T: Real>(seed: u64) {
    let mut stream = philox::Stream::new(seed, 0);
    let (count, operands) = (1 + stream.below(300) as usize, 9);
    let case = random_case(&mut stream, count, operands);
    for rows in [None, Some(1), Some(17), Some(160), Some(1000)] {
        let width = rows.unwrap_or(1);
        let mut values: Vec<Vec<T>> =
            (0..operands).map(|_| (0..width).map(|_| T::from_f64(stream.normal())).collect()).collect();
        let shared = rows.is_some() && stream.below(2) == 0;
        if shared {
            let last = values.last_mut().unwrap();
            let number = last[0];
            last.fill(number);
        }
        let want: Vec<Vec<u64>> = reference(&case, &values, width).iter().map(|x| bits(x)).collect();
        for in_place in [false, true] {
            let got = run(&case, &values, rows, shared, in_place, 1);
            let got: Vec<Vec<u64>> = got.iter().map(|x| bits(x)).collect();
            assert_eq!(got, want, "seed {seed}, {rows:?} points, in place: {in_place}");
        }
    }
}

#[test]
fn a_tape_has_the_bits_of_programs() {
    for_each_isa(|_| {
        for seed in 0..40 {
            check::<f32>(seed);
            check::<f64>(seed);
        }
    });
}

#[test]
fn every_function() {
    for_each_isa(|_| {
        for (i, function) in UNARY
            .iter()
            .map(|&f| Step::Unary(f, Value::Operand(0)))
            .enumerate()
            .chain(BINARY.iter().map(|&f| Step::Binary(f, Value::Operand(0), Value::Operand(1))).enumerate())
        {
            let case = Case { steps: vec![function], operands: 9, results: vec![Value::Step(0)] };
            let special = [0.0, -0.0, 1.0, -1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e-310, 3e38, 88.8];
            let values: Vec<Vec<f64>> =
                (0..9).map(|k| (0..100).map(|j| special[(j / [1, 10][k % 2]) % 10]).collect()).collect();
            let want = reference(&case, &values, 100);
            assert_eq!(bits(&run(&case, &values, Some(100), false, false, 1)[0]), bits(&want[0]), "{i} {function:?}");
            for j in 0..100 {
                let one: Vec<Vec<f64>> = values.iter().map(|x| vec![x[j]]).collect();
                assert_eq!(bits(&run(&case, &one, None, false, false, 1)[0])[0], bits(&want[0])[j], "{j} {function:?}");
            }
        }
    });
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let _guard = FORCED.lock();
    let mut stream = philox::Stream::new(3, 0);
    let case = random_case(&mut stream, 400, 9);
    let rows = 20_003;
    let values: Vec<Vec<f64>> = (0..9).map(|_| (0..rows).map(|_| stream.normal()).collect()).collect();
    let of = |threads| -> Vec<Vec<u64>> {
        run(&case, &values, Some(rows), false, true, threads).iter().map(|x| bits(x)).collect()
    };
    let one = of(1);
    assert!([2, 3, 7].into_iter().all(|threads| of(threads) == one));
    assert_eq!(one, reference(&case, &values, rows).iter().map(|x| bits(x)).collect::<Vec<_>>());
}

#[test]
fn numbers_may_change_places() {
    let operands = [Place::Number(0), Place::Number(1)];
    let results = [(Value::Operand(1), operands[0]), (Value::Operand(0), operands[1])];
    let tape = Tape::new(&[], &operands, &results, 2);
    let mut memory = vec![1.0_f32, 2.0, 0.0, 0.0];
    tape.run(&Pool::new(1), &mut memory, 0);
    assert_eq!(memory[..2], [2.0, 1.0]);
}

#[test]
#[should_panic(expected = "the tape has places for 5 points")]
fn points_must_not_overlap() {
    let steps = [Step::Unary(Unary::Neg, Value::Operand(0))];
    let tape = Tape::new(&steps, &[Place::Points(0)], &[(Value::Step(0), Place::Points(5))], 20);
    tape.run(&Pool::new(1), &mut [0.0_f32; 20], 6);
}

#[test]
#[should_panic(expected = "outside the memory")]
fn points_must_lie_inside() {
    let steps = [Step::Unary(Unary::Neg, Value::Operand(0))];
    let tape = Tape::new(&steps, &[Place::Points(0)], &[(Value::Step(0), Place::Points(10))], 0);
    tape.run(&Pool::new(1), &mut [0.0_f32; 15], 6);
}

#[test]
#[should_panic(expected = "needs a memory")]
fn numbers_must_lie_inside() {
    let steps = [Step::Unary(Unary::Neg, Value::Operand(0))];
    let tape = Tape::new(&steps, &[Place::Number(0)], &[(Value::Step(0), Place::Number(15))], 0);
    tape.run(&Pool::new(1), &mut [0.0_f32; 15], 0);
}
