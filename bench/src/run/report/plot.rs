//! Bars in plain SVG: one group for each scenario, a bar for each rival, as long as its ratio to the yardstick.

use super::table::number;
use std::fmt::Write;

/// The bars of one scenario.
pub struct Group {
    /// What it shows, with its unit.
    pub title: String,
    /// The bars.
    pub bars: Vec<Bar>,
}

/// The bar of a rival.
pub struct Bar {
    /// Whose it is.
    pub name: String,
    /// How much it is.
    pub value: f64,
    /// As a share of the yardstick.
    pub ratio: Option<f64>,
}

/// What the length of one is, in words.
const YARDSTICKS: &str = "HAProxy with splicing, for HTTP nginx";

const WIDTH: f64 = 760.0;
const LEFT: f64 = 120.0;
/// Width of a ratio of one.
const ONE: f64 = 200.0;
/// Longer bars are cut; their number tells.
const LONGEST: f64 = 2.5;
const BAR: f64 = 13.0;
const TITLE: f64 = 24.0;
const TOP: f64 = 36.0;

/// The plot; where there is no yardstick, bars are measured by the longest.
pub fn svg(title: &str, groups: &[Group]) -> String {
    let height = TOP + groups.iter().map(|group| TITLE + BAR * group.bars.len() as f64).sum::<f64>() + 16.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"12\" y=\"20\" font-size=\"14\" font-weight=\"bold\">{}: shorter is better, one is {}</text>\n",
        escape(title),
        escape(YARDSTICKS),
    );
    let one = LEFT + ONE;
    let _ = writeln!(svg, "<path d=\"M{one} {TOP}V{}\" stroke=\"#bbb\"/>", height - 10.0);
    let mut y = TOP;
    for group in groups {
        let longest = group.bars.iter().map(|bar| bar.value).fold(0.0, f64::max);
        y += TITLE;
        let _ = writeln!(
            svg,
            "<text x=\"12\" y=\"{}\" font-weight=\"bold\">{}</text>",
            y - 6.0,
            escape(&group.title)
        );
        for Bar { name, value, ratio } in &group.bars {
            bar(&mut svg, y, name, *value, ratio.unwrap_or(value / longest));
            y += BAR;
        }
    }
    svg + "</svg>\n"
}

/// Adds one bar. Writing to a string cannot fail.
fn bar(svg: &mut String, y: f64, name: &str, value: f64, ratio: f64) {
    let length = ratio.min(LONGEST) * ONE;
    let color = if name.starts_with("evenkeel") { "#0a7" } else { "#9ab" };
    let base = y + BAR - 3.0;
    let _ =
        writeln!(svg, "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{}</text>", LEFT - 6.0, escape(name));
    let _ = writeln!(
        svg,
        "<rect x=\"{LEFT}\" y=\"{y}\" width=\"{length:.1}\" height=\"{}\" fill=\"{color}\"/>",
        BAR - 2.0
    );
    let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"{base}\">{}</text>", LEFT + length + 4.0, number(value));
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_ratio_and_not_longer_than_the_longest() {
        let bar = |name: &str, value: f64, ratio| Bar { name: name.to_owned(), value, ratio };
        let bars =
            vec![bar("evenkeel", 1.0, Some(0.5)), bar("h", 2.0, Some(1.0)), bar("slow", 20.0, Some(10.0))];
        let svg = svg("a < b", &[Group { title: "t".to_owned(), bars }]);
        for part in ["a &lt; b", "width=\"100.0\"", "width=\"200.0\"", "width=\"500.0\"", ">20.0<"] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
    }
}
