//! Speed of the kernels on this machine: `cargo bench -p backpass-kernels`.

use std::hint::{self, black_box};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use backpass_kernels::*;

/// The median time of a call, in nanoseconds.
fn time(mut f: impl FnMut()) -> f64 {
    let start = Instant::now();
    f();
    let calls = (2e6 / (start.elapsed().as_nanos() as f64 + 1.0)).clamp(1.0, 1e5) as usize;
    let mut times: Vec<f64> = (0..25)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| f());
            start.elapsed().as_nanos() as f64 / calls as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn numbers(len: usize) -> Vec<f32> {
    let mut stream = philox::Stream::new(1, 0);
    (0..len).map(|_| stream.normal() as f32).collect()
}

fn products(pool: &Pool) {
    for (m, n, k) in [
        (1, 10, 64),
        (1, 512, 784),
        (512, 1, 784),
        (32, 64, 10),
        (32, 10, 64),
        (16, 16, 16),
        (64, 64, 64),
        (128, 10, 512),
        (256, 256, 256),
        (128, 512, 784),
        (1024, 1024, 1024),
    ] {
        print!("matmul {m}x{k} · {k}x{n}, GFLOP/s:");
        for (transpose_a, transpose_b) in [(false, false), (true, false), (false, true)] {
            let dims = MatmulDims { m, n, k, transpose_a };
            let (a, b, mut c) = (numbers(m * k), numbers(k * n), numbers(m * n));
            let mut packed = vec![0.0; packed_len(k, n)];
            let ns = time(|| {
                let b = if transpose_b {
                    pack(pool, k, n, black_box(&b), true, &mut packed);
                    Right::Packed(&packed[..])
                } else {
                    Right::Rows(black_box(&b[..]))
                };
                matmul(pool, dims, black_box(&a), b, &mut c, false);
            });
            print!(" {:7.2}", (2 * m * n * k) as f64 / ns);
        }
        println!("  (NN, TN, NT)");
    }
}

fn programs(pool: &Pool) {
    let all = [
        Unary::Neg,
        Unary::Sqrt,
        Unary::Exp,
        Unary::Ln,
        Unary::Tanh,
        Unary::Sigmoid,
        Unary::Softplus,
        Unary::Erf,
        Unary::Sin,
    ];
    let mut actions: Vec<_> = all.map(|unary| Action::Unary(unary, Arg::Operand(0))).into();
    let (x, step) = (Arg::Operand(0), Arg::Constant(0.0));
    actions.push(Action::Binary(Binary::Add, x, x));
    actions.push(Action::Binary(Binary::Mul, x, Arg::Constant(2.0)));
    actions.push(Action::Binary(Binary::Pow, x, x));
    actions.push(Action::Uniform { key: 1, step });
    actions.push(Action::Normal { key: 1, step });
    for len in [10, 8192] {
        let (x, mut y) = (numbers(len), vec![0.0; len]);
        let x64: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
        let mut y64 = vec![0.0; len];
        for &action in &actions {
            let program = Program::new(vec![Instruction { action, to: 0 }], vec![Arg::Register(0)]);
            let layout = Layout::Full;
            let source = Source::Slice(&x[..]);
            let ns = time(|| map(pool, &program, len, &[Operand { source, layout }], &mut [&mut y]));
            let source = Source::Slice(&x64[..]);
            let ns64 = time(|| {
                map(pool, &program, len, &[Operand { source, layout }], &mut [&mut y64]);
            });
            println!("map {action} of {len}: {ns:.0} ns, {:.3} ns each; f64 {:.3}", ns / len as f64, ns64 / len as f64);
        }
    }
}

fn reductions(pool: &Pool) {
    for (outer, axis, inner) in [(128, 10, 1), (128, 512, 1), (1, 128, 512), (1, 128, 10), (1, 1 << 20, 1)] {
        let (x, mut y) = (numbers(outer * axis * inner), numbers(outer * inner));
        for kind in [Reduce::Sum, Reduce::Max, Reduce::LogSumExp] {
            let ns = time(|| reduce(pool, kind, outer, axis, inner, black_box(&x), &mut y));
            let each = ns / x.len() as f64;
            println!("reduce {kind:?} [{outer}, {axis}, {inner}]: {ns:.0} ns, {each:.3} ns each");
        }
    }
}

/// The time of one fork-join of two threads that both take part.
fn fork_join(pool: &Pool) -> f64 {
    let met = AtomicUsize::new(0);
    time(|| {
        let all = met.load(Ordering::Relaxed) + 2;
        pool.run(2, &|_| {
            met.fetch_add(1, Ordering::Relaxed);
            while met.load(Ordering::Relaxed) < all {
                hint::spin_loop();
            }
        });
    })
}

/// How many times longer than at best some pools of two threads need for jobs of two parts, on all cores together.
fn oversubscribed(pools: usize, spins: usize) -> f64 {
    const JOBS: usize = 2_000;
    let part = |_| (0..spins).for_each(|i| _ = black_box(i));
    let one = time(|| part(0));
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..pools {
            scope.spawn(|| {
                let pool = Pool::new(2);
                (0..JOBS).for_each(|_| pool.run(2, &part));
            });
        }
    });
    let cores = thread::available_parallelism().map_or(1, usize::from).min(2 * pools);
    start.elapsed().as_nanos() as f64 * cores as f64 / (2.0 * one * (JOBS * pools) as f64)
}

fn main() {
    println!("{:?}", Isa::detect());
    let pool = Pool::new(2);
    println!("fork-join of two threads: {:.0} ns", fork_join(&pool));
    for pools in [1, 2, 4, 8] {
        let [short, long] = [2_000, 200_000].map(|spins| oversubscribed(pools, spins));
        println!("{pools} pools of two threads: {short:.2} times the ideal for short jobs, {long:.2} for long ones");
    }
    let serial = Pool::new(1);
    println!("one thread");
    products(&serial);
    programs(&serial);
    reductions(&serial);
    println!("two threads");
    products(&pool);
    let (x, mut y) = (numbers(512 * 784), numbers(512 * 784));
    let ns = time(|| copy_strided(&serial, &[784, 512], &x, 0, &[1, 784], &mut y, 0, &[512, 1]));
    println!("transpose 512x784: {:.2} ns each", ns / x.len() as f64);
}
