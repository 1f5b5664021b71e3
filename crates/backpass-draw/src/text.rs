//! The text twins of a picture: what a terminal prints, what a screen reader reads, and what a page shows as a table.

use backpass::array::Array;
use backpass::view::{Pass, Role, View, ViewEdge, ViewNode};
use unicode_width::UnicodeWidthStr;

use crate::number;
use crate::tree::{Visit, walk};

/// How a twin is written.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Significant digits of numbers.
    pub digits: usize,
    /// Whether formulas stand beside the numbers.
    pub formulas: bool,
    /// The columns of the terminal: longer lines are continued below; none for lines of any length.
    pub width: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Options { digits: 4, formulas: true, width: None }
    }
}

/// The space between two columns.
const GAP: usize = 2;
/// No column is made narrower than this; formulas of derivatives need the most room.
const NARROWEST: [usize; 5] = [6, 6, 6, 24, 6];
/// How a line of a cell is continued below.
const CONTINUED: &str = "  ";
/// Longer arrays are shortened.
const LONGEST_ARRAY: usize = 48;

/// A view as a table: a line for each node with its value, its local derivatives and its gradient; then the notes, and
/// what the reader is asked.
pub fn table(view: &View, options: &Options) -> String {
    let mut lines = vec![headings(view).map(|heading| vec![heading])];
    for row in rows(view, options) {
        lines.push([vec![row.name], vec![row.computes], vec![row.value], row.locals, vec![row.gradient]]);
    }
    let mut text = title(view);
    text += &columns(&lines, options.width);
    let notes = notes(view);
    text += if notes.is_empty() { "" } else { "\n" };
    for note in notes {
        push_wrapped(&mut text, "", &note, options.width);
    }
    if let Some(task) = &view.task {
        text += "\n";
        push_wrapped(&mut text, "", &printable(&task.question), options.width);
        text += if task.options.is_empty() { "" } else { "\n" };
        task.lettered().iter().for_each(|option| push_wrapped(&mut text, "  ", &printable(option), options.width));
        if let Some(answer) = &task.answer {
            text += "\n";
            push_wrapped(&mut text, "Answer: ", &printable(answer), options.width);
        }
    }
    text
}

/// The forward and the backward pass, one numbered line for each step.
pub fn steps(view: &View, options: &Options) -> String {
    let mut text = title(view);
    let digits = view.steps.len().to_string().len();
    let mut pass = None;
    for (index, step) in view.steps.iter().enumerate() {
        if pass != Some(step.pass) {
            text += &format!("{}{}\n", if pass.is_some() { "\n" } else { "" }, pass_name(step.pass));
            pass = Some(step.pass);
        }
        push_wrapped(&mut text, &format!("  {:>digits$}. ", index + 1), &printable(&step.text), options.width);
    }
    text
}

/// What stands where and what leads to it, without numbers: a line for each node, frames by indentation.
pub fn outline(view: &View) -> String {
    let mut text = title(view);
    let mut depth = 0;
    let entering = view.entering();
    for visit in walk(view) {
        let indent = "  ".repeat(depth);
        match visit {
            Visit::Open(group) => {
                let group = &view.groups[group];
                text += &format!("{indent}{} ({})\n", printable(&group.label), group.kind.name());
                depth += 1;
            }
            Visit::Close => depth -= 1,
            Visit::Node(node) => {
                let from = entering[node].iter().map(|&edge| source(view, &view.edges[edge]));
                let from = from.collect::<Vec<_>>();
                let node = &view.nodes[node];
                let mut parts = vec![node.name.clone()];
                parts.extend(Some(typed(what(node, false), node)).filter(|what| *what != node.name));
                parts.extend((!from.is_empty()).then(|| format!("← {}", from.join(", "))));
                text += &format!("{indent}{}\n", printable(&parts.join("  ")));
            }
        }
    }
    text
}

/// What the twins say of one node.
pub(crate) struct Row {
    pub name: String,
    pub computes: String,
    pub value: String,
    pub locals: Vec<String>,
    pub gradient: String,
}

/// The rows of the table, one for each node.
pub(crate) fn rows(view: &View, options: &Options) -> Vec<Row> {
    let entering = view.entering();
    let row = |(index, node): (usize, &ViewNode)| Row {
        name: printable(&node.name),
        computes: printable(&typed(what(node, options.formulas), node)),
        value: shown(node.value.as_ref(), options).unwrap_or_default(),
        locals: (node.unit.as_ref().and_then(|unit| unit.slope_text(options.digits)).into_iter())
            .chain(entering[index].iter().flat_map(|&edge| locals(view, &view.edges[edge], &entering[index], options)))
            .map(|local| printable(&local))
            .collect(),
        gradient: shown(node.gradient.as_ref(), options).unwrap_or_default(),
    };
    view.nodes.iter().enumerate().map(row).collect()
}

/// What stands above the columns of the table.
pub(crate) fn headings(view: &View) -> [String; 5] {
    let gradient =
        if view.of.is_empty() { "gradient".to_owned() } else { format!("∂{}/∂node", printable(&view.of)) };
    let weighted = view.edges.iter().any(|edge| edge.weight.is_some());
    let local = if weighted { "weight, local derivative" } else { "local derivative" };
    ["node", "computes", "value", local, &gradient].map(str::to_owned)
}

/// What is remarkable, about nodes and then about the whole.
pub(crate) fn notes(view: &View) -> Vec<String> {
    let of = |node: &ViewNode| node.notes.iter().map(|note| format!("{}: {note}", node.name)).collect::<Vec<_>>();
    view.nodes.iter().flat_map(of).chain(view.notes.iter().cloned()).map(|note| printable(&note)).collect()
}

/// The name of a pass for a heading.
pub(crate) fn pass_name(pass: Pass) -> &'static str {
    match pass {
        Pass::Forward => "Forward pass",
        Pass::Backward => "Backward pass",
    }
}

/// What a node is or computes, in a few signs.
fn what(node: &ViewNode, formulas: bool) -> String {
    let label = || if node.label.is_empty() { node.name.clone() } else { node.label.clone() };
    match node.role {
        Role::Input => "input".to_owned(),
        Role::Parameter => "parameter".to_owned(),
        Role::Constant => "constant".to_owned(),
        _ if formulas && !node.formula.is_empty() => node.formula.clone(),
        Role::Neuron if node.label == node.name => "neuron".to_owned(),
        Role::Array if node.label == node.name => "array".to_owned(),
        Role::Folded(kind) if node.label == node.name => kind.name().to_owned(),
        _ => label(),
    }
}

/// With the sizes of the node's value, where it is not a single number: `X @ Y : 2×2`.
fn typed(text: String, node: &ViewNode) -> String {
    if node.shape.is_empty() { text } else { format!("{text} : {}", number::shape(&node.shape)) }
}

/// Where an edge comes from, with the weight on the way.
fn source(view: &View, edge: &ViewEdge) -> String {
    let name = &view.nodes[edge.from].name;
    match edge.weight {
        Some(weight) => format!("{name} · {}", number::number(weight, 3)),
        None if !edge.weight_name.is_empty() => format!("{name} · {}", edge.weight_name),
        None => name.clone(),
    }
}

/// What is said of an edge in the table: the product on the way, the local derivative, the rule for arrays; no derivatives
/// with respect to constants.
fn locals(view: &View, edge: &ViewEdge, siblings: &[usize], options: &Options) -> Vec<String> {
    let (from, to) = (&view.nodes[edge.from], &view.nodes[edge.to]);
    let twice = siblings.iter().filter(|&&other| view.edges[other].from == edge.from).count() > 1;
    let which = if twice { format!(" (operand {})", edge.operand + 1) } else { String::new() };
    let derivative = format!("∂{}/∂{}{which}", to.name, from.name);
    let mut said = Vec::new();
    if let Some(weight) = edge.weight {
        let product = format!("{} · {}", from.name, number::number(weight, options.digits));
        said.push(equation([Some(product), shown(edge.value.as_ref(), options)]));
    }
    if from.role == Role::More && edge.value.is_some() {
        said.push(equation([Some(from.name.clone()), shown(edge.value.as_ref(), options)]));
    }
    if from.role == Role::Constant {
        return said;
    }
    let local = shown(edge.local.as_ref(), options);
    let is_rule_of_arrays = edge.rule.contains('∂');
    if is_rule_of_arrays {
        let sizes = sizes_of_rule(view, edge, siblings).map_or_else(String::new, |sizes| format!("  ({sizes})"));
        said.push(format!("∂{}/∂{}{which} = {}{sizes}", view.of, from.name, edge.rule));
    }
    let rule = (options.formulas && !is_rule_of_arrays && !edge.rule.is_empty()).then(|| edge.rule.clone());
    if rule.is_some() || local.is_some() {
        let elementwise = if is_rule_of_arrays { " elementwise" } else { "" };
        said.push(equation([Some(format!("{derivative}{elementwise}")), rule, local]));
    }
    said
}

/// Terms with `=` between them, equal neighbours once.
fn equation<const N: usize>(terms: [Option<String>; N]) -> String {
    let mut terms: Vec<String> = terms.into_iter().flatten().collect();
    terms.dedup();
    terms.join(" = ")
}

/// The sizes in a rule that multiplies matrices, such as `2×3 = 2×4 @ 4×3`; none where a factor is not known by name.
fn sizes_of_rule(view: &View, edge: &ViewEdge, siblings: &[usize]) -> Option<String> {
    let shape_of = |factor: &str| match factor.split_once("/∂") {
        Some((_, name)) => {
            let to = &view.nodes[edge.to];
            (name == to.name && to.shape.len() == 2).then(|| to.shape.clone())
        }
        None => {
            let operands = siblings.iter().map(|&other| &view.nodes[view.edges[other].from]);
            let name = factor.trim_end_matches(['\'', 'ᵗ']);
            let mut operands = operands.filter(|operand| operand.name == name && operand.shape.len() == 2);
            let mut shape = operands.next()?.shape.clone();
            if name != factor {
                shape.reverse();
            }
            Some(shape)
        }
    };
    let factors: Option<Vec<String>> =
        edge.rule.split(" @ ").map(|factor| Some(number::shape(&shape_of(factor)?))).collect();
    let factors = factors.filter(|factors| factors.len() > 1)?;
    Some(format!("{} = {}", number::shape(&view.nodes[edge.from].shape), factors.join(" @ ")))
}

/// A value for people, long arrays shortened.
fn shown(value: Option<&Array>, options: &Options) -> Option<String> {
    value.map(|value| number::array(value, options.digits, LONGEST_ARRAY))
}

/// The first line: what it is about.
fn title(view: &View) -> String {
    if view.title.is_empty() { String::new() } else { format!("{}\n\n", printable(&view.title)) }
}

/// Without control characters: a name must not move the cursor of a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Aligned columns. A cell may have several lines; empty columns are left out; what does not fit into `width` is
/// continued below.
fn columns(rows: &[[Vec<String>; 5]], width: Option<usize>) -> String {
    let used = |column: &usize| rows[1..].iter().any(|row| row[*column].iter().any(|line| !line.is_empty()));
    let columns: Vec<usize> = (0..5).filter(used).collect();
    let widest = |&column: &usize| rows.iter().flat_map(|row| &row[column]).map(|line| line.width()).max();
    let mut widths: Vec<usize> = columns.iter().map(|column| widest(column).unwrap_or(0)).collect();
    let room = width.unwrap_or(usize::MAX).saturating_sub(GAP * columns.len().saturating_sub(1));
    let narrowest: Vec<usize> = columns.iter().map(|&column| NARROWEST[column]).collect();
    shrink(&mut widths, &narrowest, room);
    let mut text = String::new();
    for row in rows {
        let cells: Vec<Vec<String>> = (columns.iter().zip(&widths))
            .map(|(&column, &width)| row[column].iter().flat_map(|line| wrap(line, width, CONTINUED)).collect())
            .collect();
        for line in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
            let mut written = String::new();
            for (cell, &width) in cells.iter().zip(&widths) {
                let part = cell.get(line).map_or("", String::as_str);
                written += &format!("{part}{}", " ".repeat((width + GAP).saturating_sub(part.width())));
            }
            text += &format!("{}\n", written.trim_end());
        }
    }
    text
}

/// Takes from the widest columns until all fit into `room`.
fn shrink(widths: &mut [usize], narrowest: &[usize], room: usize) {
    while widths.iter().sum::<usize>() > room {
        let can_shrink = widths.iter_mut().zip(narrowest).filter(|(width, narrowest)| **width > **narrowest);
        let Some((widest, _)) = can_shrink.max() else { return };
        *widest -= 1;
    }
}

/// Adds a paragraph whose later lines begin below its first word.
fn push_wrapped(text: &mut String, head: &str, paragraph: &str, width: Option<usize>) {
    let indent = " ".repeat(head.width());
    let room = width.unwrap_or(usize::MAX).saturating_sub(head.width()).max(NARROWEST[0]);
    for (line, part) in wrap(paragraph, room, "").iter().enumerate() {
        *text += &format!("{}{part}\n", if line == 0 { head } else { &indent });
    }
}

/// Lines of at most `width` columns; all but the first begin with `indent`. They are broken at spaces outside of brackets
/// where that is possible, so that a matrix is broken between its rows, and inside a word only where it is too long.
fn wrap(text: &str, width: usize, indent: &str) -> Vec<String> {
    if text.width() <= width {
        return vec![text.to_owned()];
    }
    let room = width.saturating_sub(indent.width());
    let fits = |bound: &String| bound.split(' ').all(|word| word.width() <= room);
    let bound = (0..DEEPEST).map(|depth| bound(text, depth)).find(fits).unwrap_or_else(|| text.to_owned());
    let options = textwrap::Options::new(width)
        .subsequent_indent(indent)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(&bound, options).into_iter().map(|line| line.replace(BOUND, " ")).collect()
}

/// Brackets within brackets are looked at so far.
const DEEPEST: usize = 4;
/// A space at which no line is broken.
const BOUND: char = '\u{a0}';

/// Binds what stands in more than `depth` brackets, and `=` to what follows it.
fn bound(text: &str, depth: usize) -> String {
    let (mut open, mut before) = (0usize, ' ');
    let bind = |c| {
        match c {
            '(' | '[' => open += 1,
            ')' | ']' => open = open.saturating_sub(1),
            _ => {}
        }
        let binds = c == ' ' && (open > depth || before == '=');
        before = c;
        if binds { BOUND } else { c }
    };
    text.chars().map(bind).collect()
}
