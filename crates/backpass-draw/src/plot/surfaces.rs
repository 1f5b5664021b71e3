//! A function of two inputs beside networks for it.

use backpass::view::Grid;

use super::axis::Axis;
use super::boundary::{PARTS, bands, extent, one_sided, two_sided};
use super::chart::{Chart, ShadeKey, Tint};
use crate::number;

/// The colour of values.
const VALUES: usize = 2;

/// For each network a row of three maps in the same two scales: the function, the network, and by how much the network is
/// too low or too high. All grids have the same points.
pub fn surfaces(inputs: [&str; 2], name: &str, function: &Grid, networks: &[(String, Grid)]) -> Vec<Chart> {
    let less = |network: &Grid| {
        let values = network.values.iter().zip(&function.values).map(|(y, t)| y - t).collect();
        Grid { values, ..network.clone() }
    };
    let errors: Vec<Grid> = networks.iter().map(|(_, network)| less(network)).collect();
    let (low, high) = extent(&errors);
    let largest = low.abs().max(high.abs());
    let range = extent(networks.iter().map(|(_, network)| network).chain([function]));
    let map = |title: &str, grid: &Grid, label: &str, range: (f64, f64), tints: Vec<Tint>| {
        let [x, y] = inputs;
        let mut chart = Chart::new(title, Axis::linear(x), Axis::linear(y));
        chart.shades = bands(grid, range, &tints);
        chart.key = Some(ShadeKey { label: label.into(), range, tints });
        let (low, high) = extent([grid]);
        let say = |value: f64| number::typeset(&number::number(value, 3));
        chart.subtitle = format!("from {} to {}", say(low), say(high));
        chart
    };
    let row = |((title, network), error): (&(String, Grid), &Grid)| {
        [
            map(name, function, "value", range, one_sided(VALUES)),
            map(title, network, "value", range, one_sided(VALUES)),
            map("network less function", error, "error", (-largest, largest), errors_tints()),
        ]
    };
    networks.iter().zip(&errors).flat_map(row).collect()
}

/// Too low in one colour, too high in the other, pale in the middle.
fn errors_tints() -> Vec<Tint> {
    (0..PARTS).map(two_sided).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Theme;

    #[test]
    fn each_network_stands_beside_the_function_and_its_error() {
        let of = |f: fn(f64, f64) -> f64| Grid::from_fn((0.0, 1.0), (0.0, 2.0), 21, 21, f);
        let networks = [("low".to_string(), of(|x, y| x * y - 0.5)), ("high".to_string(), of(|x, y| x * y + 0.25))];
        let charts = surfaces(["x", "y"], "x*y", &of(|x, y| x * y), &networks);
        let titles: Vec<&str> = charts.iter().map(|chart| chart.title.as_str()).collect();
        assert_eq!(titles[..4], ["x*y", "low", "network less function", "x*y"]);
        let range = |index: usize| charts[index].key.as_ref().unwrap().range;
        assert_eq!((range(0), range(1), range(4)), ((-0.5, 2.25), (-0.5, 2.25), (-0.5, 2.25)));
        assert_eq!((range(2), range(5)), ((-0.5, 0.5), (-0.5, 0.5)));
        assert_eq!(charts[2].subtitle, "from −1 to 0");
        for chart in charts {
            assert!(chart.svg((360, 320), Theme::Dark).is_ok());
        }
    }
}
