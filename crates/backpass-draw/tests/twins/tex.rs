//! TikZ documents: balanced, escaped, and the same picture as the SVG.

use backpass_draw::{SvgOptions, Theme, svg, tex};

use crate::views;

/// The signs that mean something to TeX and are not escaped, brace depth checked on the way.
fn active(text: &str) -> String {
    let (mut depth, mut escaped, mut active) = (0, false, String::new());
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '{' => depth += 1,
            '}' => depth -= 1,
            '#' | '%' | '&' | '~' | '$' | '^' | '_' => active.push(c),
            _ => {}
        }
        assert!(depth >= 0, "{text}");
    }
    assert_eq!(depth, 0, "{text}");
    active
}

#[test]
fn every_line_is_balanced_whatever_the_names() {
    for view in [views::neuron(), views::matrices(), views::network(), views::hostile(), Default::default()] {
        let text = tex(&view, &SvgOptions::default());
        for line in text.lines() {
            let active = active(line);
            assert_eq!(active.matches('$').count() % 2, 0, "{line}");
            assert!(!active.contains(['#', '%', '&', '~']), "{line}");
        }
        assert_eq!(text.matches("\\begin{").count(), text.matches("\\end{").count());
    }
}

#[test]
fn names_are_set_as_mathematics_and_signs_are_escaped() {
    let text = tex(&views::neuron(), &SvgOptions::default());
    for part in ["{$w_{1}$}", "{$x$}", "{${\\times}$}", "{$\\text{sigmoid}$}", "{${\\leftarrow}{\\ }{-}0.4988$}"] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let text = tex(&views::hostile(), &SvgOptions::default());
    for part in [
        r#"{$a\text{\textquotedbl{}}b\text{\textbackslash{}}c$}"#,
        r"x_{1}{\ }\text{\&}{\ }50\text{\%}",
        r"\text{\#}\text{\{}\text{\$}\text{\textasciicircum{}}\text{\textasciitilde{}}\text{\}}\text{\textbackslash{}}",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let mut view = views::neuron();
    view.edges[0].value = Some(backpass::array::Array::scalar(-1.5e-9));
    let text = tex(&view, &SvgOptions::default());
    assert!(text.contains("{${-}1.5{\\cdot}10^{-9}$}"), "{text}");
}

#[test]
fn everything_stands_where_it_stands_in_the_svg() {
    let number = |text: &str| text.parse::<f64>().unwrap();
    for view in [views::neuron(), views::network()] {
        let (tex, svg) = (tex(&view, &SvgOptions::default()), svg(&view, &SvgOptions::default()));
        let attribute = |element: &str, name: &str| {
            number(element.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap())
        };
        let mut svg: Vec<(f64, f64)> = (svg.split("<circle").skip(1))
            .filter(|circle| !circle.starts_with(" class"))
            .map(|circle| (attribute(circle, "cx"), attribute(circle, "cy")))
            .collect();
        let mut tex: Vec<(f64, f64)> = (tex.lines().filter_map(|line| line.split_once(" circle ")))
            .map(|(before, _)| before.rsplit('(').next().unwrap().trim_end_matches(')').split_once(", ").unwrap())
            .map(|(x, y)| (number(x), number(y)))
            .collect();
        assert_eq!(svg.len(), tex.len());
        svg.sort_by(|a, b| a.partial_cmp(b).unwrap());
        tex.sort_by(|a, b| a.partial_cmp(b).unwrap());
        for (a, b) in svg.iter().zip(&tex) {
            assert!((a.0 - b.0).abs() < 0.11 && (a.1 - b.1).abs() < 0.11, "{a:?} {b:?}");
        }
    }
}

#[test]
fn negative_weights_are_dashed_and_colours_are_those_of_the_theme() {
    let view = views::network();
    let text = tex(&view, &SvgOptions { theme: Theme::Dark, ..SvgOptions::default() });
    let negative = view.edges.iter().filter(|edge| edge.weight.unwrap() < 0.0).count();
    assert_eq!(text.matches("\\draw[negative, dashed]").count(), negative);
    assert_eq!(text.matches("\\draw[positive]").count(), view.edges.len() - negative);
    assert!(text.contains("\\definecolor{page}{HTML}{15181C}"));
}

#[test]
fn curves_leave_and_arrive_along_the_flow() {
    let text = tex(&views::neuron(), &SvgOptions::default());
    let point = |text: &str| {
        let (x, y) = text.rsplit('(').next().unwrap().split(')').next().unwrap().split_once(", ").unwrap();
        (x.parse::<f64>().unwrap(), y.parse::<f64>().unwrap())
    };
    let mut curves = 0;
    for line in text.lines().filter(|line| line.contains(" .. controls ")) {
        for (before, after) in
            line.match_indices(" .. controls ").map(|(at, mark)| (&line[..at], &line[at + mark.len()..]))
        {
            let (first, rest) = after.split_once(" and ").unwrap();
            let (second, end) = rest.split_once(" .. ").unwrap();
            let (start, first, second, end) =
                (point(before), point(first), point(second), point(&end[..end.find(')').unwrap() + 1]));
            let middle = (start.0 + end.0) / 2.0;
            assert!((first.0 - middle).abs() < 0.02 && (second.0 - middle).abs() < 0.02, "{line}");
            assert_eq!((first.1, second.1), (start.1, end.1), "{line}");
            curves += 1;
        }
    }
    assert!(curves >= 6, "{text}");
}
