//! In which order the steps of a tape are done.

use std::collections::VecDeque;

use super::{Function, Value};

/// A function with its arguments, and how many of them there are.
pub(super) type Parts = (Function, [Value; 3], usize);

/// What steps wait for.
struct Waiting {
    users: Vec<Vec<usize>>,
    missing: Vec<usize>,
}

impl Waiting {
    /// And the steps that wait for nothing, in order.
    fn new(steps: &[Option<Parts>]) -> (Self, Vec<usize>) {
        let mut waiting = Waiting { users: vec![Vec::new(); steps.len()], missing: vec![0; steps.len()] };
        let mut ready = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            let Some((_, args, count)) = step else { continue };
            for arg in &args[..*count] {
                if let Value::Step(s) = arg {
                    waiting.users[*s].push(index);
                    waiting.missing[index] += 1;
                }
            }
            if waiting.missing[index] == 0 {
                ready.push(index);
            }
        }
        (waiting, ready)
    }

    /// Calls `ready` for the steps that wait for this one alone.
    fn finish(&mut self, step: usize, mut ready: impl FnMut(usize)) {
        for &user in &self.users[step] {
            self.missing[user] -= 1;
            if self.missing[user] == 0 {
                ready(user);
            }
        }
    }
}

/// As many steps as possible with the same function one after the other, for what is slow about a step on single numbers is
/// to find out its function.
pub(super) fn by_function(steps: &[Option<Parts>]) -> Vec<usize> {
    let (mut waiting, first) = Waiting::new(steps);
    let mut queues: Vec<(Function, VecDeque<usize>)> = Vec::new();
    let push = |step: usize, queues: &mut Vec<(Function, VecDeque<usize>)>| {
        let Some((function, ..)) = steps[step] else { return };
        match queues.iter_mut().find(|(f, _)| *f == function) {
            Some((_, queue)) => queue.push_back(step),
            None => queues.push((function, VecDeque::from([step]))),
        }
    };
    first.into_iter().for_each(|step| push(step, &mut queues));
    let mut order = Vec::with_capacity(steps.len());
    while let Some(longest) = (0..queues.len()).max_by_key(|&i| queues[i].1.len()).filter(|&i| !queues[i].1.is_empty())
    {
        while let Some(step) = queues[longest].1.pop_front() {
            order.push(step);
            waiting.finish(step, |user| push(user, &mut queues));
        }
    }
    order
}

/// Steps as soon as possible after the last that they wait for, so that few values are alive at once: those of many points
/// take up room in the cache.
pub(super) fn depth_first(steps: &[Option<Parts>]) -> Vec<usize> {
    let (mut waiting, mut open) = Waiting::new(steps);
    // What takes nothing but constants comes first: all others may wait for it.
    let takes_operand = |arg: &Value| matches!(arg, Value::Operand(_));
    open.sort_by_key(|&step| steps[step].is_some_and(|(_, args, count)| args[..count].iter().any(takes_operand)));
    open.reverse();
    let mut order = Vec::with_capacity(steps.len());
    while let Some(step) = open.pop() {
        order.push(step);
        let from = open.len();
        waiting.finish(step, |user| open.push(user));
        open[from..].reverse();
    }
    order
}
