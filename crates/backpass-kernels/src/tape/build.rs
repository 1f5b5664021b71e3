//! From steps to operations: what is not needed is left out, products join the sums that take them, and values that are
//! never alive together share a place.

use std::collections::{HashMap, HashSet};

use super::order::{Parts, by_function, depth_first};
use super::{Function, Op, Place, Run, Step, Tape, Value};
use crate::program::{Binary, Unary};

/// A value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Id {
    Step(usize),
    Operand(usize),
    Constant(usize),
    /// A copy of an operand whose place is taken.
    Copy(usize),
}

/// An operation before its values have places.
struct Draft {
    function: Function,
    /// Nothing when it stores.
    to: Option<Id>,
    args: [Id; 3],
    /// What is loaded or stored.
    place: usize,
}

struct Builder<'a> {
    steps: &'a [Step],
    operands: &'a [Place],
    points: bool,
    constants: Vec<f64>,
    numbers: HashMap<u64, usize>,
    /// The operands that have been loaded.
    loaded: HashSet<usize>,
    drafts: Vec<Draft>,
    /// The places of values that lie in the memory.
    homes: HashMap<Id, usize>,
}

impl Step {
    /// The function, its arguments, and how many there are; those that are too many repeat the first.
    fn parts(self) -> Parts {
        match self {
            Step::Unary(f, a) => (Function::Unary(f), [a, a, a], 1),
            Step::Binary(f, a, b) => (Function::Binary(f), [a, b, a], 2),
            Step::Select(a, b, c) => (Function::Select, [a, b, c], 3),
        }
    }
}

impl Function {
    fn cost(self) -> usize {
        match self {
            Function::Unary(f) => f.cost(),
            Function::Binary(f) => f.cost(),
            _ => 1,
        }
    }
}

impl Place {
    fn start(self) -> usize {
        let (Place::Number(start) | Place::Points(start)) = self;
        start
    }

    fn has_points(self) -> bool {
        matches!(self, Place::Points(_))
    }
}

impl Tape {
    /// `steps` with the places of their operands, and values with the places that take them. Constants, and values that
    /// are no results, lie in the memory from `free` on, where nothing else may be; see [`Tape::constants`].
    ///
    /// A result may take the place of an operand, but no two results take the same one.
    ///
    /// # Panics
    ///
    /// If a step takes the result of a later one or an operand that does not exist, if results are partly numbers and partly
    /// points, if numbers are to be computed from points, or if numbers lie 2³² elements apart.
    pub fn new(steps: &[Step], operands: &[Place], results: &[(Value, Place)], free: usize) -> Tape {
        let points = results.iter().any(|(_, place)| place.has_points());
        assert!(results.iter().all(|(_, place)| place.has_points() == points), "results are numbers and points");
        assert!(points || !operands.iter().any(|place| place.has_points()), "numbers cannot be computed from points");
        let steps = differences(steps);
        let mut builder = Builder {
            steps: &steps,
            operands,
            points,
            constants: Vec::new(),
            numbers: HashMap::new(),
            loaded: HashSet::new(),
            drafts: Vec::with_capacity(steps.len() + results.len()),
            homes: HashMap::new(),
        };
        builder.draft(results);
        builder.finish(results, free)
    }
}

impl Builder<'_> {
    /// How often each step is taken by steps that are needed, and by results.
    fn uses(&self, results: &[(Value, Place)]) -> Vec<usize> {
        let mut uses = vec![0; self.steps.len()];
        let take = |value: Value, before: usize, uses: &mut [usize]| match value {
            Value::Step(s) => {
                assert!(s < before, "a step takes a later one");
                uses[s] += 1;
            }
            Value::Operand(i) => assert!(i < self.operands.len(), "there is no operand {i}"),
            Value::Constant(_) => {}
        };
        results.iter().for_each(|(value, _)| take(*value, self.steps.len(), &mut uses));
        for index in (0..self.steps.len()).rev() {
            if uses[index] > 0 {
                let (_, args, count) = self.steps[index].parts();
                args[..count].iter().for_each(|&arg| take(arg, index, &mut uses));
            }
        }
        uses
    }

    /// The factors of a product that only one step takes.
    fn product(&self, value: Value, uses: &[usize]) -> Option<(usize, [Value; 2])> {
        let Value::Step(s) = value else { return None };
        match self.steps[s] {
            Step::Binary(Binary::Mul, a, b) if uses[s] == 1 => Some((s, [a, b])),
            _ => None,
        }
    }

    /// What is computed for each step; nothing for those that are not needed, and for products that one sum or difference
    /// alone takes: they are computed with it.
    fn parts(&self, results: &[(Value, Place)]) -> Vec<Option<Parts>> {
        let uses = self.uses(results);
        let needed = |(step, &uses): (&Step, &usize)| (uses > 0).then_some(step.parts());
        let mut parts: Vec<Option<Parts>> = self.steps.iter().zip(&uses).map(needed).collect();
        for (index, step) in self.steps.iter().enumerate().filter(|(index, _)| uses[*index] > 0) {
            let of = |value, other| self.product(value, &uses).map(|(s, [x, y])| (s, [x, y, other]));
            let (function, joined) = match *step {
                Step::Binary(Binary::Add, a, b) => (Function::MulAdd, of(b, a).or_else(|| of(a, b))),
                Step::Binary(Binary::Sub, a, b) => (Function::SubMul, of(b, a)),
                _ => continue,
            };
            if let Some((product, args)) = joined {
                parts[index] = Some((function, args, 3));
                parts[product] = None;
            }
        }
        parts
    }

    /// Writes down what is done, in order.
    fn draft(&mut self, results: &[(Value, Place)]) {
        let parts = self.parts(results);
        let order = if self.points { depth_first(&parts) } else { by_function(&parts) };
        let taken: HashSet<Place> = self.operands.iter().copied().collect();
        let (late, early): (Vec<_>, Vec<_>) = results.iter().partition(|(_, place)| taken.contains(place));
        let mut ready: HashMap<usize, Vec<Place>> = HashMap::new();
        for (value, place) in early {
            if let Value::Step(s) = value {
                ready.entry(s).or_default().push(place);
            } else {
                let value = self.load(value);
                self.store(value, place);
            }
        }
        for index in order {
            let Some((function, args, _)) = parts[index] else { continue };
            let args = args.map(|arg| self.load(arg));
            let value = Id::Step(index);
            self.drafts.push(Draft { function, to: Some(value), args, place: 0 });
            let mut places = ready.remove(&index).unwrap_or_default();
            if !self.points
                && let Some(place) = places.pop()
            {
                self.homes.insert(value, place.start());
            }
            places.into_iter().for_each(|place| self.store(value, place));
        }
        // What takes the place of an operand is stored when all operands have been read.
        let values: Vec<Id> = late.iter().map(|(value, _)| self.copied(*value)).collect();
        values.into_iter().zip(late).for_each(|(value, (_, place))| self.store(value, place));
    }

    /// A value that is about to be taken.
    fn load(&mut self, value: Value) -> Id {
        match value {
            Value::Step(s) => Id::Step(s),
            Value::Constant(c) => {
                let next = self.constants.len();
                let index = *self.numbers.entry(c.to_bits()).or_insert(next);
                if index == next {
                    self.constants.push(c);
                }
                Id::Constant(index)
            }
            Value::Operand(i) => {
                let id = Id::Operand(i);
                if self.loaded.insert(i)
                    && let Place::Points(place) = self.operands[i]
                {
                    self.drafts.push(Draft { function: Function::Load, to: Some(id), args: [id; 3], place });
                }
                id
            }
        }
    }

    /// A value that stays when places of operands are taken.
    fn copied(&mut self, value: Value) -> Id {
        let id = self.load(value);
        match id {
            Id::Operand(i) if !self.points => {
                let copy = Id::Copy(i);
                self.drafts.push(Draft { function: Function::Load, to: Some(copy), args: [id; 3], place: 0 });
                copy
            }
            _ => id,
        }
    }

    fn store(&mut self, value: Id, place: Place) {
        self.drafts.push(Draft { function: Function::Store, to: None, args: [value; 3], place: place.start() });
    }

    fn finish(self, results: &[(Value, Place)], free: usize) -> Tape {
        let mut shared = Vec::new();
        let mut at: HashMap<Id, usize> = HashMap::new();
        for (i, place) in self.operands.iter().enumerate().filter(|(i, _)| self.loaded.contains(i)) {
            match place {
                Place::Number(start) if !self.points => drop(at.insert(Id::Operand(i), *start)),
                Place::Number(start) => {
                    at.insert(Id::Operand(i), shared.len());
                    shared.push(*start);
                }
                Place::Points(_) => {}
            }
        }
        for i in 0..self.constants.len() {
            at.insert(Id::Constant(i), if self.points { shared.len() } else { free + i });
            shared.extend(self.points.then_some(free + i));
        }
        at.extend(&self.homes);
        // Where values that are neither begin.
        let first = if self.points { shared.len() } else { free + self.constants.len() };
        let fixed: HashSet<Id> = at.keys().copied().collect();
        let mut last = HashMap::new();
        for (index, draft) in self.drafts.iter().enumerate() {
            last.extend(draft.args.map(|arg| (arg, index)));
        }
        let (mut unused, mut next) = (Vec::new(), first);
        let mut places = Vec::new();
        let mut ops = Vec::with_capacity(self.drafts.len());
        let mut runs: Vec<Run> = Vec::new();
        let all = self.operands.iter().chain(results.iter().map(|(_, place)| place));
        let base = if self.points { 0 } else { all.clone().map(|place| place.start()).min().unwrap_or(free).min(free) };
        let short = |place: usize| u32::try_from(place - base).expect("numbers lie 2³² elements apart");
        for (index, draft) in self.drafts.iter().enumerate() {
            let is_load = draft.function == Function::Load;
            if let Some(id) = draft.to
                && !at.contains_key(&id)
            {
                let place = unused.pop().unwrap_or(next);
                next = next.max(place + 1);
                at.insert(id, place);
            }
            let (to, args) = match (draft.to, self.points) {
                (Some(id), true) if is_load => (at[&id], [places.len(); 3]),
                (Some(id), _) => (at[&id], draft.args.map(|arg| at[&arg])),
                (None, true) => (places.len(), draft.args.map(|arg| at[&arg])),
                (None, false) => (draft.place, draft.args.map(|arg| at[&arg])),
            };
            if self.points && (is_load || draft.to.is_none()) {
                places.push(draft.place);
            }
            ops.push(Op { to: short(to), args: args.map(short) });
            match runs.last_mut() {
                Some(Run { function, len }) if *function == draft.function => *len += 1,
                _ => runs.push(Run { function: draft.function, len: 1 }),
            }
            let mut dead: Vec<Id> = draft.args.iter().chain(&draft.to).copied().collect();
            dead.retain(|id| !fixed.contains(id) && last.get(id).is_none_or(|&last| last <= index));
            for id in dead {
                unused.extend(at.remove(&id));
            }
        }
        let highest = |place: Place| if let Place::Number(start) = place { start + 1 } else { 0 };
        let used = all.map(|&place| highest(place));
        let own = self.constants.len() + if self.points { 0 } else { next - first };
        Tape {
            cost: self.drafts.iter().map(|draft| draft.function.cost()).sum(),
            base,
            points: self.points,
            places,
            shared,
            slots: if self.points { next } else { 0 },
            constants: self.constants,
            free,
            own,
            end: used.max().unwrap_or(0).max(free + own),
            operands: self.operands.to_vec(),
            results: results.iter().map(|(_, place)| *place).collect(),
            most: most_points(self.operands, results),
            ops,
            runs,
        }
    }
}

/// The steps with a + (−b) written as a − b, which has the same bits.
fn differences(steps: &[Step]) -> Vec<Step> {
    let opposite = |value| match value {
        Value::Step(s) => match steps.get(s) {
            Some(Step::Unary(Unary::Neg, x)) => Some(*x),
            _ => None,
        },
        _ => None,
    };
    let difference = |step: &Step| match *step {
        Step::Binary(Binary::Add, a, b) => match (opposite(a), opposite(b)) {
            (_, Some(y)) => Step::Binary(Binary::Sub, a, y),
            (Some(x), None) => Step::Binary(Binary::Sub, b, x),
            (None, None) => *step,
        },
        step => step,
    };
    steps.iter().map(difference).collect()
}

/// The most points for which the points of a result overlap neither other points nor a number.
fn most_points(operands: &[Place], results: &[(Value, Place)]) -> usize {
    let written: HashSet<Place> = results.iter().map(|(_, place)| *place).collect();
    let mut all: Vec<Place> = operands.iter().chain(&written).copied().collect();
    all.sort_unstable_by_key(|place| std::cmp::Reverse(place.start()));
    all.dedup();
    let (mut most, mut next, mut next_written) = (usize::MAX, usize::MAX, usize::MAX);
    for place in all {
        let start = place.start();
        let bound = if written.contains(&place) { next } else { next_written };
        if place.has_points() {
            most = most.min(bound - start);
        }
        next = start;
        if written.contains(&place) {
            next_written = start;
        }
    }
    most
}
