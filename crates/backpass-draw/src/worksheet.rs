//! What stands around the graph on a worksheet: its title and the question above, the answers to choose from below.

use backpass::view::View;

use crate::font::{self, BOLD};
use crate::number;

const MARGIN: f64 = 16.0;
const TITLE: f64 = 18.0;
const TEXT: f64 = 14.0;
/// The distance of lines, in font sizes.
const SPACING: f64 = 1.5;
/// Text may be this wide even beside a narrow graph.
const NARROWEST: f64 = 440.0;
/// The space between two answers in a line.
const GAP: f64 = 32.0;

/// A line of text.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Line {
    /// Where it begins, on its baseline.
    pub x: f64,
    pub y: f64,
    pub size: f64,
    pub bold: bool,
    pub text: String,
}

/// The text around a graph; empty where the reader is asked nothing.
#[derive(Default)]
pub(crate) struct Worksheet {
    /// The width that it takes, and the heights above and below the graph.
    pub w: f64,
    pub above: f64,
    pub below: f64,
    /// The lines above; those below are counted from the end of the graph.
    head: Vec<Line>,
    foot: Vec<Line>,
}

impl Worksheet {
    /// The text around the graph of a view that is `width` wide.
    pub fn of(view: &View, width: f64) -> Worksheet {
        let Some(task) = &view.task else { return Worksheet::default() };
        let room = width.max(NARROWEST) - 2.0 * MARGIN;
        let mut sheet = Worksheet { above: MARGIN, ..Worksheet::default() };
        for (text, size, bold) in [(&view.title, TITLE, true), (&task.question, TEXT, false)] {
            for text in font::wrapped(text, if bold { BOLD * size } else { size }, room) {
                sheet.head.push(Line { x: MARGIN, y: sheet.above + size, size, bold, text });
                sheet.above += SPACING * size;
            }
        }
        let options: Vec<String> = task.lettered().iter().map(|option| number::typeset(option)).collect();
        let widest = options.iter().map(|option| font::width(option, TEXT)).fold(0.0, f64::max) + GAP;
        let columns = [4, 2, 1].into_iter().find(|&n| n as f64 * widest - GAP <= room).unwrap_or(1);
        for (index, text) in options.into_iter().enumerate() {
            sheet.put(MARGIN + (index % columns) as f64 * widest, index % columns == 0, text);
        }
        if let Some(answer) = &task.answer {
            sheet.put(MARGIN, true, format!("Answer: {}", number::typeset(answer)));
        }
        sheet.below += if sheet.foot.is_empty() { 0.0 } else { MARGIN };
        let ends = sheet.head.iter().chain(&sheet.foot).map(|line| {
            let size = if line.bold { BOLD * line.size } else { line.size };
            line.x + font::width(&line.text, size) + MARGIN
        });
        sheet.w = ends.fold(0.0, f64::max);
        sheet
    }

    /// Writes below the graph, in a new line or beside what stands in the last one.
    fn put(&mut self, x: f64, new_line: bool, text: String) {
        self.below += if new_line { SPACING * TEXT } else { 0.0 };
        self.foot.push(Line { x, y: self.below, size: TEXT, bold: false, text });
    }

    /// All lines in their places around a graph of this height.
    pub fn lines(&self, height: f64) -> impl Iterator<Item = Line> {
        let down = self.above + height;
        let foot = self.foot.iter().map(move |line| Line { y: line.y + down, ..line.clone() });
        self.head.iter().cloned().chain(foot)
    }
}

#[cfg(test)]
mod tests {
    use backpass::view::Task;

    use super::*;
    use crate::{SvgOptions, samples, svg};

    #[test]
    fn text_stands_above_and_below_the_graph() {
        let question = "What is asked in so many words that they fill more than one line of a narrow sheet of paper?";
        let task = |options: &[&str]| Task {
            question: question.into(),
            options: options.iter().map(|option| option.to_string()).collect(),
            answer: Some("x = -2".into()),
        };
        let sheet = |task| Worksheet::of(&View { title: "Exercise 1".into(), task, ..View::default() }, 100.0);
        for (options, lines) in
            [(&["1", "2", "3", "4"][..], 2.0), (&["a very long answer to choose"; 4], 5.0), (&[], 1.0)]
        {
            let sheet = sheet(Some(task(options)));
            assert_eq!(sheet.below, lines * SPACING * TEXT + MARGIN);
            let lines: Vec<Line> = sheet.lines(100.0).collect();
            assert_eq!(lines.len(), 4 + options.len());
            for line in &lines {
                assert!(line.y < sheet.above || line.y > sheet.above + 100.0);
                assert!(line.y < sheet.above + 100.0 + sheet.below && line.x + font::width(&line.text, TEXT) < sheet.w);
            }
        }
        assert_eq!((sheet(None).w, sheet(None).above), (0.0, 0.0));
        let graph = samples::neuron();
        let asked = View { task: Some(task(&["-1", "2"])), ..graph };
        assert!(svg(&asked, &SvgOptions::default()).contains(">A/  −1</text>"));
    }
}
