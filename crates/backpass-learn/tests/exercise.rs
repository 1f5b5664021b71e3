//! Exercises of every kind and level: right, clear, without give-aways, and wrong only for the reasons they name.

use std::collections::HashSet;

use backpass::explain::Explanation;
use backpass::interpret::interpret;
use backpass::ops::Op;
use backpass::text::parse_expression;
use backpass::view::{GAP, Role, View};
use backpass::{Array, NodeId, Shape};
use backpass_learn::exercise::{Exercise, Kind, LEVELS, Mark, Mistake, Product};

const SEEDS: u64 = 200;

fn all() -> impl Iterator<Item = Exercise> {
    let kinds = Kind::NAMES.into_iter().map(|(_, kind)| kind);
    let levels = kinds.flat_map(|kind| (1..=LEVELS).map(move |level| (kind, level)));
    levels.flat_map(|(kind, level)| (0..SEEDS).map(move |seed| Exercise::new(kind, level, seed).unwrap()))
}

/// Drawing them takes longer than looking at them, so all checks of one exercise are made in one test.
#[test]
fn every_exercise_keeps_its_promises() {
    let (mut places, mut sizes, mut seen) = ([0; 4], 0, HashSet::new());
    for exercise in all() {
        options_differ_clearly_and_one_is_right(&exercise);
        numbers_are_eighths_where_one_computes_by_hand(&exercise);
        a_sheet_has_gaps_and_gives_nothing_away(&exercise);
        match exercise.is_about_sizes() {
            true => the_sizes_are_those_of_both_ends(&exercise),
            false => {
                the_right_answer_is_the_derivative(&exercise);
                the_solution_ends_with_the_answer(&exercise);
            }
        }
        if matches!(exercise.kind(), Kind::Scalar | Kind::Neuron) {
            who_makes_the_named_mistake_gets_that_answer(&exercise, &mut seen);
        }
        sizes += u32::from(exercise.is_about_sizes());
        places[exercise.options().iter().position(|o| o.mistake.is_none()).unwrap()] += 1;
    }
    assert!(sizes > 20 && seen.len() >= 13, "{sizes} {seen:?}");
    let count: i32 = places.iter().sum();
    assert!(places.iter().all(|&place| (place - count / 4).abs() < count / 20), "{places:?}");
}

#[test]
fn nothing_comes_back_only_where_that_is_the_lesson() {
    let dead = |kind, level: u8| {
        let exercises = (0..SEEDS).map(|seed| Exercise::new(kind, level, seed).unwrap());
        exercises.filter(|exercise| !exercise.is_about_sizes() && largest(exercise.right()) == 0.0).count()
    };
    for (_, kind) in Kind::NAMES {
        assert_eq!((1..4).map(|level| dead(kind, level)).sum::<usize>(), 0, "{}", kind.name());
    }
    let at_the_top = dead(Kind::Scalar, 5);
    assert!((1..40).contains(&at_the_top), "{at_the_top}");
}

fn what(exercise: &Exercise) -> String {
    format!("{} level {} seed {}", exercise.kind().name(), exercise.level(), exercise.seed())
}

fn largest(array: &Array) -> f64 {
    array.data().iter().fold(0.0, |largest, v| largest.max(v.abs()))
}

fn distance(a: &Array, b: &Array) -> f64 {
    a.data().iter().zip(b.data()).fold(0.0, |largest, (a, b)| largest.max((a - b).abs()))
}

/// The number of which the derivatives are taken, from the program alone.
fn loss(exercise: &Exercise, point: &[(String, Array)]) -> f64 {
    let shapes: Vec<_> = point.iter().map(|(name, a)| (name.as_str(), Shape::fixed(a.shape()))).collect();
    let graph = parse_expression(exercise.program(), &shapes).unwrap();
    let values: Vec<_> = point.iter().map(|(name, a)| (name.as_str(), a)).collect();
    let trace = interpret(&graph, &values).unwrap();
    match exercise.upstream() {
        None => trace.value(graph.output("l").unwrap()).item().unwrap(),
        Some((name, above)) => {
            let end = trace.value(graph.named(name).unwrap());
            assert_eq!(end.shape(), above.shape());
            end.data().iter().zip(above.data()).map(|(a, b)| a * b).sum()
        }
    }
}

fn the_right_answer_is_the_derivative(exercise: &Exercise) {
    const H: f64 = 1e-6;
    let place = exercise.point().iter().position(|(name, _)| name == exercise.asked()).unwrap();
    let differences = Array::from_fn(exercise.right().shape(), |i| {
        let moved = |h: f64| {
            let mut point = exercise.point().to_vec();
            point[place].1.data_mut()[i] += h;
            loss(exercise, &point)
        };
        (moved(H) - moved(-H)) / (2.0 * H)
    });
    let error = distance(&differences, exercise.right());
    assert!(error < 1e-6 * largest(exercise.right()).max(1.0), "{}: {error}", what(exercise));
}

fn the_sizes_are_those_of_both_ends(exercise: &Exercise) {
    let of = |name: &str| exercise.point().iter().find(|(n, _)| n == name).unwrap().1.shape().to_vec();
    let (x, y) = (of("X"), of("Y"));
    let t = [x[0], y[1]];
    let asked = if exercise.asked() == "X" { x } else { y };
    let expected: Vec<String> = asked.iter().chain(&t).map(usize::to_string).collect();
    assert_eq!(exercise.write(exercise.right()), expected.join("×"), "{}", what(exercise));
    assert_eq!(exercise.mark(&exercise.read(&expected.join("x")).unwrap()), Mark::Right);
}

fn options_differ_clearly_and_one_is_right(exercise: &Exercise) {
    let options = exercise.options();
    assert_eq!(options.len(), 4, "{}", what(exercise));
    assert_eq!(options.iter().filter(|o| o.mistake.is_none()).count(), 1);
    let written: HashSet<String> = options.iter().map(|o| exercise.write(&o.value)).collect();
    assert_eq!(written.len(), 4, "{}: {written:?}", what(exercise));
    for (i, a) in options.iter().enumerate() {
        assert!(a.value.data().iter().all(|v| v.is_finite()), "{}", what(exercise));
        for b in &options[..i] {
            let share = distance(&a.value, &b.value) / largest(&a.value).max(largest(&b.value));
            assert!(a.value.shape() != b.value.shape() || share > 0.05, "{}", what(exercise));
        }
        let letter = ["a", "B", "c", "D"][i];
        let mark = exercise.mark(&exercise.read(letter).unwrap());
        assert_eq!(exercise.mark(&exercise.read(&format!(" {letter}) ")).unwrap()), mark);
        match &a.mistake {
            None => assert_eq!(mark, Mark::Right, "{}", what(exercise)),
            Some(mistake) => {
                assert_eq!(mark, Mark::Known(a), "{}", what(exercise));
                let words = exercise.words(mistake);
                assert!(!words.name.is_empty() && words.reason.ends_with('.'), "{words:?}");
                assert!(words.hint.ends_with(['?', '.']), "{words:?}");
            }
        }
        let typed = exercise.read(&exercise.write(&a.value).replace('-', "−")).unwrap();
        assert_eq!(exercise.mark(&typed), mark, "{}", what(exercise));
    }
}

#[test]
fn the_same_seed_gives_the_same_exercise_and_others_others() {
    let print = |e: &Exercise| format!("{}\n{:?}\n{:?}", e.program(), e.point(), e.options());
    for exercise in all().step_by(37) {
        let again = Exercise::new(exercise.kind(), exercise.level(), exercise.seed()).unwrap();
        assert_eq!(print(&exercise), print(&again));
    }
    for (_, kind) in Kind::NAMES {
        for level in 1..=LEVELS {
            let different: HashSet<String> =
                (0..50).map(|seed| print(&Exercise::new(kind, level, seed).unwrap())).collect();
            assert!(different.len() > 45, "{} {level}: {}", kind.name(), different.len());
        }
    }
}

fn numbers_are_eighths_where_one_computes_by_hand(exercise: &Exercise) {
    let curved = ["sigmoid", "tanh", "exp"].iter().any(|f| exercise.program().contains(f));
    assert_eq!(exercise.is_exact(), !curved, "{}", what(exercise));
    assert!(exercise.level() > 3 || !curved);
    let arrays = exercise.solved().nodes.into_iter().flat_map(|n| [n.value, n.gradient]).flatten();
    for array in arrays.chain(exercise.options().iter().map(|o| o.value.clone())) {
        for v in array.data() {
            assert!(v.abs() <= 60.0 && (curved || (v * 8.0).fract() == 0.0), "{}: {v}", what(exercise));
        }
    }
}

fn is_gap(value: &Option<Array>) -> bool {
    value.as_ref().is_some_and(|v| v.data().iter().any(|v| v.to_bits() == GAP.to_bits()))
}

fn a_sheet_has_gaps_and_gives_nothing_away(exercise: &Exercise) {
    let full = exercise.solved();
    for blank in [false, true] {
        let sheet = exercise.sheet(blank);
        check_sheet(exercise, &sheet, &full);
        let gaps = sheet.nodes.iter().filter(|n| is_gap(&n.value)).count();
        let computed = full.nodes.iter().filter(|n| !n.formula.is_empty() && n.value.is_some()).count();
        match (blank, exercise.level()) {
            (false, 1) => assert_eq!(gaps, 0),
            (false, 2) => assert!(gaps <= computed),
            _ => assert_eq!(gaps, computed, "{}", what(exercise)),
        }
    }
    let sheet = exercise.sheet(true);
    let known =
        |n: &&backpass::view::ViewNode| n.gradient.is_some() && !is_gap(&n.gradient) && n.role != Role::Constant;
    let known: Vec<&str> = sheet.nodes.iter().filter(known).map(|n| n.name.as_str()).collect();
    match exercise.upstream() {
        None => assert!(known.is_empty(), "{known:?}"),
        Some((name, _)) => assert_eq!(known, [name, "L"]),
    }
}

fn check_sheet(exercise: &Exercise, sheet: &View, full: &View) {
    assert!(sheet.steps.is_empty() && sheet.notes.is_empty());
    for (node, whole) in sheet.nodes.iter().zip(&full.nodes) {
        assert!(node.notes.is_empty());
        assert!(is_gap(&node.value) || node.value == whole.value);
        assert!(is_gap(&node.gradient) || node.gradient == whole.gradient);
        if node.name == exercise.asked() {
            assert!(is_gap(&node.gradient) && node.value == whole.value, "{}", what(exercise));
        }
    }
    for edge in &sheet.edges {
        assert!(edge.rule.is_empty() && edge.local.is_none());
        let (from, to) = (&sheet.nodes[edge.from], &sheet.nodes[edge.to]);
        assert_eq!(is_gap(&edge.value), is_gap(&from.value));
        assert!(edge.gradient.is_none() || is_gap(&edge.gradient) || exercise.upstream().is_some() && to.name == "L");
    }
}

fn the_solution_ends_with_the_answer(exercise: &Exercise) {
    let steps = exercise.solved().steps;
    let last = &steps.last().unwrap().text;
    let answer = exercise.answer();
    let (asked, number) = answer.split_once(" = ").unwrap();
    assert!(last.starts_with(asked) && last.ends_with(&format!("= {number}")), "{}: {last}", what(exercise));
    for text in steps.iter().map(|s| &s.text).chain(&exercise.local_derivatives()) {
        assert!(!text.contains("NaN") && !text.contains("sum("), "{}: {text}", what(exercise));
    }
}

/// ∂node/∂operand by differences.
fn slope(run: &Explanation, node: NodeId, operand: usize) -> f64 {
    const H: f64 = 1e-6;
    let of = run.graph().node(node);
    let moved = |h: f64| {
        let mut args: Vec<Array> = of.args.iter().map(|&a| run.value(a).clone()).collect();
        args[operand].data_mut()[0] += h;
        of.op.eval(&args.iter().collect::<Vec<_>>(), &[]).item().unwrap()
    };
    (moved(H) - moved(-H)) / (2.0 * H)
}

/// The derivative of the result with respect to a single number, from the definition of the mistake: a recursion over the
/// users of each node, with local derivatives by differences.
fn mistaken(run: &Explanation, mistake: &Mistake, id: NodeId) -> f64 {
    if id == run.result() {
        return 1.0;
    }
    let value = |id: NodeId| run.value(id).item().unwrap();
    let graph = run.graph();
    let mut parts = Vec::new();
    for user in graph.ids() {
        for (operand, _) in graph.node(user).args.iter().enumerate().filter(|(_, arg)| **arg == id) {
            let (above, local) = (mistaken(run, mistake, user), slope(run, user, operand));
            let other = || graph.node(user).args[1 - operand];
            parts.push(match *mistake {
                Mistake::OnePath { node, user: only, operand: place }
                    if node == id && (only, place) != (user, operand) =>
                {
                    continue;
                }
                Mistake::OwnFactor(at, of) if (at, of) == (user, operand) => above * value(id),
                Mistake::LostSign(at) if at == user => above * local.abs(),
                Mistake::LostFactor(at) if at == user => above * local / 2.0,
                Mistake::NoSlope(at) if at == user => above,
                Mistake::ValueForSlope(at) if at == user => above * value(user),
                Mistake::InputInSlope(at) if at == user => match graph.node(user).op {
                    Op::Sigmoid(_) => above * value(id) * (1.0 - value(id)),
                    _ => above * (1.0 - value(id).powi(2)),
                },
                Mistake::BothOfMaximum(at) if at == user => above,
                Mistake::SmallerOfMaximum(at) if at == user => above * f64::from(value(id) < value(other())),
                Mistake::NothingAbove(at) if at == user => local,
                Mistake::Added(at) if at == user => above + local,
                _ => above * local,
            });
        }
    }
    match mistake {
        Mistake::PathsMultiplied(node) if *node == id => parts.iter().product(),
        _ => parts.iter().sum(),
    }
}

fn who_makes_the_named_mistake_gets_that_answer(exercise: &Exercise, seen: &mut HashSet<&'static str>) {
    let run = exercise.explanation();
    let asked = run.graph().named(exercise.asked()).unwrap();
    for option in exercise.options() {
        let Some(mistake) = &option.mistake else { continue };
        let expected = match *mistake {
            Mistake::OtherNode(node) => mistaken(run, &Mistake::Transposed, node),
            _ => mistaken(run, mistake, asked),
        };
        let found = option.value.item().unwrap();
        assert!(
            (found - expected).abs() < 1e-4 * expected.abs().max(1.0),
            "{}: {mistake:?} {found} {expected}",
            what(exercise)
        );
        seen.insert(exercise.words(mistake).name);
    }
}

/// A matrix as rows, transposed on demand.
fn rows(array: &Array, transposed: bool) -> Vec<Vec<f64>> {
    let rows: Vec<Vec<f64>> = array.data().chunks(array.shape()[1]).map(<[f64]>::to_vec).collect();
    match transposed {
        true => (0..rows[0].len()).map(|j| rows.iter().map(|row| row[j]).collect()).collect(),
        false => rows,
    }
}

fn product(a: &[Vec<f64>], b: &[Vec<f64>]) -> Vec<f64> {
    let element = |row: &[f64], j: usize| row.iter().zip(b).map(|(a, b)| a * b[j]).sum();
    a.iter().flat_map(|row| (0..b[0].len()).map(move |j| element(row, j))).collect()
}

#[test]
fn who_multiplies_wrong_matrices_gets_that_answer() {
    let mut seen = HashSet::new();
    for level in [1, 2] {
        for seed in 0..SEEDS {
            let exercise = Exercise::new(Kind::Matrix, level, seed).unwrap();
            let of = |name: &str| &exercise.point().iter().find(|(n, _)| n == name).unwrap().1;
            let (operands, (_, above)) = ([of("X"), of("Y")], exercise.upstream().unwrap());
            for option in exercise.options() {
                let (expected, name) = match option.mistake {
                    Some(Mistake::Product(_, Product { factor, transposed, first, .. })) => {
                        let (factor, above) = (rows(operands[factor], transposed), rows(above, false));
                        (if first { product(&factor, &above) } else { product(&above, &factor) }, "product")
                    }
                    Some(Mistake::Transposed) => (rows(exercise.right(), true).concat(), "transposed"),
                    Some(Mistake::Elementwise(_, operand)) => {
                        let factor = operands[1 - operand].data();
                        (above.data().iter().zip(factor).map(|(a, b)| a * b).collect(), "elementwise")
                    }
                    None if exercise.is_about_sizes() => continue,
                    None if exercise.asked() == "X" => (product(&rows(above, false), &rows(operands[1], true)), "X"),
                    None => (product(&rows(operands[0], true), &rows(above, false)), "Y"),
                    _ => continue,
                };
                assert_eq!(option.value.data(), expected, "{}: {:?}", what(&exercise), option.mistake);
                seen.insert(name);
            }
        }
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
}

#[test]
fn answers_are_read_and_marked() {
    let exercise = Exercise::new(Kind::Scalar, 1, 1).unwrap();
    let right = exercise.right().item().unwrap();
    let mark = |text: &str| exercise.mark(&exercise.read(text).unwrap());
    assert_eq!(mark(&format!(" {right} ")), Mark::Right);
    assert_eq!(mark(&format!("{} / 4", right * 4.0)), Mark::Right);
    assert_eq!(mark("123456"), Mark::Unknown);
    assert_eq!(mark("[1, 2]"), Mark::Unknown);
    assert!(exercise.remark(&Array::vector([1.0, 2.0])).contains("single number"));
    assert_eq!(exercise.remark(&Array::scalar(-right)), "Look at the sign.");
    for text in ["", "E", "x", "[1, [2]]", "1/0", "AB", "nan"] {
        let error = exercise.read(text).unwrap_err().to_string();
        assert!(error.contains("help: answer with A, B, C or D, or with a number"), "{text}: {error}");
    }
    assert!(Exercise::new(Kind::Scalar, 0, 1).is_err());
    assert!(Exercise::new(Kind::Layer, LEVELS + 1, 1).unwrap_err().to_string().contains("help:"));
}
