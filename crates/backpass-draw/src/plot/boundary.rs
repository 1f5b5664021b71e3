//! What a model of one or two inputs has learnt: decision boundaries, the maps of hidden neurons, function fits.

use backpass::view::{Grid, Landscape, NeuronMap, Profile};

use super::axis::Axis;
use super::chart::{Chart, Series, Shade, ShadeKey, Tint};
use super::contour::{contours, joined};
use super::sheet::Sheet;
use crate::number;

/// The parts into which a range of values is shaded.
pub(super) const PARTS: usize = 10;
/// The strongest shade: points in the same colour must stand out from it.
const STRONGEST: f64 = 0.5;
/// The colour of values that belong to no class.
const NEUTRAL: usize = 5;
/// More hidden neurons than this are not readable as panels of their own.
pub const MOST_NEURONS: usize = 23;
/// More lines than this hide the data.
const MOST_LINES: usize = 16;

/// The decision boundary of a classifier over its data, or the predicted number as a map.
///
/// Shading shows probability, the solid line where the class changes. With `lines`, dashed lines show where the neurons of
/// the first hidden layer switch.
pub fn boundary(landscape: &Landscape, lines: bool) -> Chart {
    let title = match landscape.classes.is_empty() {
        true => format!("{} as predicted", landscape.target),
        false => format!("{}: where each class is predicted", landscape.target),
    };
    let mut chart = plane(landscape, title);
    (chart.shades, chart.key) = match (&landscape.classes[..], &landscape.predictions[..]) {
        ([_, second], [_, probability]) => {
            let tints: Vec<Tint> = (0..PARTS).map(two_sided).collect();
            let label = format!("P({second})");
            (bands(probability, (0.0, 1.0), &tints), Some(ShadeKey { label, range: (0.0, 1.0), tints }))
        }
        ([], [prediction]) => {
            let range = extent([prediction]);
            let tints = one_sided(NEUTRAL);
            (bands(prediction, range, &tints), Some(ShadeKey { label: landscape.target.clone(), range, tints }))
        }
        _ => (strongholds(&landscape.predictions), None),
    };
    if lines {
        let mut first: Vec<&NeuronMap> = landscape.neurons.iter().filter(|n| n.layer == 0).collect();
        first.sort_by(|a, b| b.strength.total_cmp(&a.strength));
        first.truncate(MOST_LINES);
        let zeros: Vec<_> = first.iter().flat_map(|neuron| contours(&neuron.sum, 0.0)).collect();
        if !zeros.is_empty() {
            let all = landscape.hidden.first().copied().unwrap_or(0);
            let strongest = (first.len() < all)
                .then(|| format!("Dashed lines show where the {} strongest of {all} neurons switch.", first.len()));
            let said = strongest.into_iter().chain([landscape.bent.clone()]).filter(|text| !text.is_empty());
            chart.subtitle = said.collect::<Vec<_>>().join(" ");
            chart.series.push(Series::dashed("a neuron switches", joined(&zeros)).coloured(NEUTRAL));
        }
    }
    let borders: Vec<_> = leads(&landscape.predictions).iter().flat_map(|lead| contours(lead, 0.0)).collect();
    if !landscape.classes.is_empty() && !borders.is_empty() {
        chart.series.push(Series::curve("class changes", joined(&borders)).in_ink());
    }
    chart.series.extend(data(landscape));
    chart
}

/// A small map for the whole model and for each hidden neuron: what it gives on over the plane, and the line on which its
/// weighted sum is 0.
pub fn neurons(landscape: &Landscape) -> Sheet {
    let mut whole = boundary(landscape, false);
    whole.title = "the whole model".into();
    whole.subtitle = "with the data".into();
    whole.key = None;
    whole.series.iter_mut().for_each(|series| series.name.clear());
    let map = |neuron: &NeuronMap| {
        let mut chart = plane(landscape, neuron.name.clone());
        let layer = landscape.neurons.iter().filter(|other| other.layer == neuron.layer);
        chart.shades = bands(&neuron.output, extent(layer.map(|other| &other.output)), &one_sided(3));
        let say = |v: f64| number::typeset(&number::number(v, 2));
        let line = contours(&neuron.sum, 0.0);
        let beyond = if line.is_empty() { ", no line here" } else { "" };
        let first = neuron.output.values.first().copied().unwrap_or(f64::NAN);
        chart.subtitle = match neuron.output.values.iter().all(|&v| v == first) {
            true => format!("{} everywhere{beyond}", say(first)),
            false => {
                let (low, high) = extent([&neuron.output]);
                format!("from {} to {}{beyond}", say(low), say(high))
            }
        };
        chart.series.push(Series::curve("", joined(&line)).in_ink());
        chart
    };
    let charts: Vec<Chart> = std::iter::once(whole).chain(landscape.neurons.iter().map(map)).collect();
    let mut subtitle =
        "Each neuron's output over the plane, from the smallest value in its layer, faint, to the largest; \
                        on the line its weighted sum is 0."
            .to_string();
    let (shown, all) = (landscape.neurons.len(), landscape.hidden.iter().sum::<usize>());
    if shown < all {
        subtitle += &format!(" These are the {shown} strongest of {all} neurons.");
    }
    if !landscape.bent.is_empty() && shown > 0 {
        subtitle += &format!(" {}", landscape.bent);
    }
    let columns = (charts.len() as f64).sqrt().ceil().min(4.0) as usize;
    Sheet { title: format!("{}: what each hidden neuron sees", landscape.target), subtitle, charts, columns }
}

/// The prediction of a model of one input over its data; for classes the probability of each.
pub fn profile(profile: &Profile) -> Chart {
    let title = format!("{} against {}", profile.target, profile.input);
    let y = if profile.classes.is_empty() {
        Axis::linear(profile.target.as_str())
    } else {
        Axis::linear("probability").within(-0.05, 1.05)
    };
    let mut chart = Chart::new(title, Axis::linear(profile.input.as_str()), y);
    match &profile.classes[..] {
        [] => {
            let points: Vec<_> = profile.points.iter().copied().filter(|p| p.1.is_finite()).collect();
            chart.series.push(Series::points("data", points).coloured(0));
            let predicted = profile.predictions.first().cloned().unwrap_or_default();
            chart.series.push(Series::curve("prediction", predicted).coloured(1));
        }
        [_, second] => {
            chart.subtitle =
                format!("Points at the bottom and the top are rows of the two classes; the curve is P({second}).");
            let points: Vec<_> = profile.points.iter().copied().filter(|p| p.1.is_finite()).collect();
            chart.series.push(Series::points("data", points).coloured(0));
            chart.series.push(
                Series::curve(second.as_str(), profile.predictions.last().cloned().unwrap_or_default()).coloured(1),
            );
        }
        classes => {
            chart.subtitle = "Points at the top are rows of each class.".into();
            for (index, (class, curve)) in classes.iter().zip(&profile.predictions).enumerate() {
                let mine = profile.points.iter().filter(|p| p.1 == index as f64);
                let points: Vec<_> = mine.map(|p| (p.0, 1.02 - 0.02 * index as f64)).collect();
                chart.series.push(Series::points("", points).coloured(index));
                chart.series.push(Series::curve(class.as_str(), curve.clone()).coloured(index));
            }
        }
    }
    chart
}

/// An empty chart over the plane of the inputs, with units of equal length where the two ranges are alike.
fn plane(landscape: &Landscape, title: String) -> Chart {
    let [x, y] = &landscape.inputs;
    let axis = |name: &str, (low, high): (f64, f64)| match low < high {
        true => Axis::linear(name).within(low, high),
        false => Axis::linear(name),
    };
    let [across, up] = landscape.shown;
    Chart { equal_units: Landscape::alike(across, up), ..Chart::new(title, axis(x, across), axis(y, up)) }
}

/// The rows of the data: for classes a series each, in the colours of the shades.
fn data(landscape: &Landscape) -> Vec<Series> {
    let place = |p: &(f64, f64, f64)| (p.0, p.1);
    if landscape.classes.is_empty() {
        return vec![Series::points("data", landscape.points.iter().map(place).collect::<Vec<_>>()).coloured(0)];
    }
    let of = |(index, class): (usize, &String)| {
        let mine = landscape.points.iter().filter(|p| p.2 == index as f64).map(place);
        Series::points(class.as_str(), mine.collect::<Vec<_>>()).coloured(index)
    };
    landscape.classes.iter().enumerate().map(of).collect()
}

/// The smallest and the largest finite value; apart by something in any case.
pub(super) fn extent<'a>(grids: impl IntoIterator<Item = &'a Grid>) -> (f64, f64) {
    let finite = grids.into_iter().flat_map(|grid| &grid.values).copied().filter(|v| v.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    match (low, high) {
        (l, h) if l > h => (0.0, 1.0),
        (l, h) if h - l < 1e-9 * h.abs().max(1e-300) => (l - 0.5, h + 0.5),
        range => range,
    }
}

/// Equal parts of a range, each filled over the one below.
pub(super) fn bands(grid: &Grid, (low, high): (f64, f64), tints: &[Tint]) -> Vec<Shade> {
    let level = |part: usize| match part {
        0 => f64::MIN,
        _ => low + (high - low) * part as f64 / tints.len() as f64,
    };
    let band = |(part, &tint): (usize, &Tint)| Shade { grid: grid.clone(), level: level(part), tint };
    tints.iter().enumerate().map(band).collect()
}

/// The first class's colour below the middle, the second one's above it, pale in the middle.
pub(super) fn two_sided(part: usize) -> Tint {
    let half = PARTS / 2;
    let (colour, distance) = if part < half { (0, half - part) } else { (1, part - half + 1) };
    Tint { colour, strength: STRONGEST * distance as f64 / half as f64 }
}

/// One colour from pale to strong.
pub(super) fn one_sided(colour: usize) -> Vec<Tint> {
    (0..PARTS).map(|part| Tint { colour, strength: 0.75 * part as f64 / (PARTS - 1) as f64 }).collect()
}

/// By how much each grid exceeds the largest of the others.
fn leads(grids: &[Grid]) -> Vec<Grid> {
    // Of two probabilities one lead says all.
    let of = if grids.len() == 2 { 1..2 } else { 0..grids.len() };
    let lead = |index: usize| {
        let largest = |at: usize| {
            let others = grids.iter().enumerate().filter(|(other, _)| *other != index);
            others.map(|(_, grid)| grid.values[at]).fold(f64::NEG_INFINITY, f64::max)
        };
        let values = grids[index].values.iter().enumerate().map(|(at, v)| v - largest(at)).collect();
        Grid { values, ..grids[index].clone() }
    };
    of.map(lead).collect()
}

/// Each class's colour where it is the most probable one, stronger the further it leads.
fn strongholds(grids: &[Grid]) -> Vec<Shade> {
    let steps = [(0.0, 0.14), (0.25, 0.24), (0.5, 0.34), (0.75, 0.44), (0.9, 0.54)];
    let shades = |(colour, lead): (usize, Grid)| {
        steps.map(|(level, strength)| Shade { grid: lead.clone(), level, tint: Tint { colour, strength } })
    };
    leads(grids).into_iter().enumerate().flat_map(shades).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Theme;

    /// Two classes inside and outside of a circle of radius 1.
    fn circle() -> Landscape {
        let range = (-2.0, 2.0);
        let outside = |x: f64, y: f64| 1.0 / (1.0 + (-4.0 * (x.hypot(y) - 1.0)).exp());
        let second = Grid::from_fn(range, range, 101, 101, outside);
        let points = (0..400).map(|i| {
            let (radius, angle) = (if i % 2 == 0 { 0.5 } else { 1.5 }, f64::from(i));
            (radius * angle.cos(), radius * angle.sin(), f64::from(i % 2))
        });
        let neuron = |index: usize| {
            let sum = Grid::from_fn(range, range, 101, 101, |x, y| if index == 0 { x - 0.5 } else { y + x });
            let strength = if index == 0 { 1.0 } else { 2.0 };
            NeuronMap { name: format!("hidden1[{index}]"), layer: 0, output: sum.map(f64::tanh), sum, strength }
        };
        Landscape {
            inputs: ["x1".into(), "x2".into()],
            shown: [(-1.5, 1.5), (-2.0, 2.0)],
            target: "class".into(),
            classes: vec!["a".into(), "b".into()],
            predictions: vec![second.map(|p| 1.0 - p), second],
            points: points.collect(),
            neurons: vec![neuron(0), neuron(1)],
            hidden: vec![2],
            bent: "Lines are bent.".into(),
        }
    }

    #[test]
    fn the_boundary_lies_where_the_class_changes() {
        let chart = boundary(&circle(), true);
        let named = |name: &str| chart.series.iter().find(|s| s.name == name).unwrap().corners();
        let border = named("class changes");
        assert!(border.len() > 50 && border.iter().all(|(x, y)| (x.hypot(*y) - 1.0).abs() < 1e-3));
        let lines = named("a neuron switches");
        let on_line = |p: &(f64, f64)| (p.0 - 0.5).abs() < 1e-9 || (p.0 + p.1).abs() < 1e-9;
        assert!(lines.iter().all(|p| p.0.is_nan() || on_line(p)));
        assert_eq!((named("a").len(), named("b").len()), (200, 200));
        assert!(chart.equal_units);
        let svg = chart.svg((640, 520), Theme::Auto).unwrap();
        assert!(svg.len() < 200_000, "{} bytes", svg.len());
    }

    #[test]
    fn shades_are_pale_in_the_middle_and_of_both_colours() {
        let strengths: Vec<(usize, f64)> = (0..PARTS).map(two_sided).map(|t| (t.colour, t.strength)).collect();
        assert_eq!((strengths[0], strengths[4]), ((0, 0.5), (0, 0.1)));
        assert_eq!((strengths[5], strengths[9]), ((1, 0.1), (1, 0.5)));
    }

    #[test]
    fn three_classes_share_the_plane() {
        let range = (0.0, 3.0);
        let score = |k: usize| Grid::from_fn(range, range, 31, 31, move |x, _| if x as usize == k { 0.8 } else { 0.1 });
        let landscape = Landscape {
            classes: ["a", "b", "c"].map(String::from).to_vec(),
            predictions: (0..3).map(score).collect(),
            ..circle()
        };
        let chart = boundary(&landscape, false);
        assert!(chart.key.is_none());
        assert_eq!(chart.shades.iter().map(|s| s.tint.colour).max(), Some(2));
        assert!(chart.svg((500, 400), Theme::Dark).is_ok());
    }

    #[test]
    fn the_sheet_has_a_panel_for_each_neuron() {
        let sheet = neurons(&circle());
        assert_eq!(sheet.charts.len(), 3);
        assert_eq!(sheet.charts[1].title, "hidden1[0]");
        let line = sheet.charts[1].series[0].corners();
        assert!(line.iter().all(|p| (p.0 - 0.5).abs() < 1e-9));
        assert!(sheet.svg(sheet.size((280, 280)), Theme::Light).is_ok());
        assert!(sheet.subtitle.ends_with("its weighted sum is 0. Lines are bent."), "{}", sheet.subtitle);
        let many = Landscape { hidden: vec![30, 10], ..circle() };
        assert!(neurons(&many).subtitle.contains("These are the 2 strongest of 40 neurons."));
    }

    #[test]
    fn the_strongest_neurons_have_lines() {
        let [weak, strong] = [0, 1].map(|index| circle().neurons[index].clone());
        let neurons = [vec![weak; 20], vec![strong; MOST_LINES]].concat();
        let chart = boundary(&Landscape { neurons, hidden: vec![64], ..circle() }, true);
        let lines = chart.series.iter().find(|s| s.name == "a neuron switches").unwrap().corners();
        assert!(lines.iter().all(|p| p.0.is_nan() || (p.0 + p.1).abs() < 1e-9));
        assert_eq!(chart.subtitle, "Dashed lines show where the 16 strongest of 64 neurons switch. Lines are bent.");
    }

    #[test]
    fn constant_and_empty_maps_are_drawn() {
        let flat = circle().predictions[0].map(|_| 3.0);
        let constant = Landscape { classes: Vec::new(), predictions: vec![flat], points: Vec::new(), ..circle() };
        assert!(boundary(&constant, false).svg((400, 400), Theme::Light).is_ok());
        let nowhere = Landscape { predictions: vec![circle().predictions[0].map(|_| f64::NAN)], ..constant };
        assert!(boundary(&nowhere, true).svg((400, 400), Theme::Light).is_ok());
        assert!(boundary(&Landscape::default(), true).svg((400, 400), Theme::Light).is_ok());
    }
}
