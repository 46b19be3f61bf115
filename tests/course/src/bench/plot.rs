//! Figures of many servers as lines.

/// Figures of one kind.
pub struct Panel<'a> {
    pub title: &'a str,
    /// Whether ten times as much is always as far away.
    pub by_tens: bool,
    /// For each line, what each server has.
    pub lines: Vec<Vec<Option<f64>>>,
}

const LEFT: f64 = 74.0;
const RIGHT: f64 = 24.0;
const STEP: f64 = 52.0;
/// Where the first panel begins, how high one is, and what lies between two.
const TOP: f64 = 84.0;
const HEIGHT: f64 = 160.0;
const BETWEEN: f64 = 78.0;
/// How wide a character is.
const CHARACTER: f64 = 8.2;

/// What a panel counts with, from its lowest to its highest line.
struct Scale {
    marks: Vec<f64>,
    by_tens: bool,
}

impl Scale {
    fn of(panel: &Panel) -> Self {
        let figures = panel.lines.iter().flatten().flatten().copied();
        let most = figures.clone().fold(f64::MIN_POSITIVE, f64::max);
        let marks = if panel.by_tens {
            let least = figures.fold(most, f64::min).max(0.1);
            let (low, high) = (least.log10().floor(), most.log10().ceil());
            let high = high.max(low + 1.0);
            (low as i32..=high as i32)
                .map(|power| 10f64.powi(power))
                .collect()
        } else {
            let power = 10f64.powf((most / 4.0).log10().floor());
            let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
            let step = steps.into_iter().find(|step| step * 4.0 >= most);
            let step = step.unwrap_or(most);
            (0..=4).map(|count| f64::from(count) * step).collect()
        };
        Self {
            marks,
            by_tens: panel.by_tens,
        }
    }

    /// How high something stands, from 0 to 1.
    fn height(&self, figure: f64) -> f64 {
        let place = |figure: f64| if self.by_tens { figure.log10() } else { figure };
        let (low, high) = (
            place(self.marks[0]),
            place(self.marks[self.marks.len() - 1]),
        );
        ((place(figure) - low) / (high - low)).clamp(0.0, 1.0)
    }
}

/// The figures of all servers, a panel below the other, with a line for each crowd.
pub fn plot(servers: &[&str], crowds: &[String], panels: &[Panel]) -> String {
    let longest = servers
        .iter()
        .map(|label| label.len())
        .max()
        .unwrap_or_default();
    let step = STEP.max((longest + 1) as f64 * CHARACTER);
    let x = |server: usize| LEFT + step * (server as f64 + 0.5);
    let legend: f64 = crowds
        .iter()
        .map(|name| name.len() as f64 * CHARACTER + 44.0)
        .sum();
    let width = (x(servers.len()) - step / 2.0 + RIGHT).max(24.0 + legend);
    let height = TOP + panels.len() as f64 * (HEIGHT + BETWEEN);

    let mut drawn = String::new();
    let mut at = 24.0;
    for (line, name) in crowds.iter().enumerate() {
        drawn += &format!(
            "  <path class=\"line c{line}\" d=\"M {at:.0} 38 h 26\"/>\n  \
             <text x=\"{:.0}\" y=\"43\">{name}</text>\n",
            at + 32.0
        );
        at += name.len() as f64 * CHARACTER + 44.0;
    }
    for (number, panel) in panels.iter().enumerate() {
        let top = TOP + number as f64 * (HEIGHT + BETWEEN);
        let scale = Scale::of(panel);
        let y = |figure: f64| top + HEIGHT * (1.0 - scale.height(figure));
        drawn += &format!(
            "  <text class=\"title\" x=\"24\" y=\"{:.0}\">{}</text>\n",
            top - 14.0,
            panel.title
        );
        for mark in &scale.marks {
            drawn += &format!(
                "  <path class=\"mark\" d=\"M {LEFT} {:.1} H {:.1}\"/>\n  \
                 <text class=\"value\" x=\"{}\" y=\"{:.1}\">{mark}</text>\n",
                y(*mark),
                width - RIGHT,
                LEFT - 8.0,
                y(*mark) + 5.0
            );
        }
        for (server, label) in servers.iter().enumerate() {
            drawn += &format!(
                "  <text class=\"label\" x=\"{:.1}\" y=\"{:.1}\">{label}</text>\n",
                x(server),
                top + HEIGHT + 24.0
            );
        }
        for (line, figures) in panel.lines.iter().enumerate() {
            let mut path = String::new();
            let mut dots = String::new();
            let mut is_drawing = false;
            for (server, figure) in figures.iter().enumerate() {
                let Some(figure) = figure else {
                    is_drawing = false;
                    continue;
                };
                let (x, y) = (x(server), y(*figure));
                // Only chapters follow one another.
                let follows = servers[server].starts_with(|digit: char| digit.is_ascii_digit());
                let command = if is_drawing && follows { 'L' } else { 'M' };
                is_drawing = true;
                path += &format!("{command} {x:.1} {y:.1} ");
                dots += &format!(
                    "  <circle class=\"dot d{line}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>\n"
                );
            }
            drawn += &format!(
                "  <path class=\"line c{line}\" d=\"{}\"/>\n{dots}",
                path.trim_end()
            );
        }
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}">
  <title>What each server does with so many connections</title>
  <style>
    text {{
      font: 14px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
      fill: #20262b;
    }}
    .title {{ font-weight: bold; }}
    .value {{ font-size: 12px; fill: #596168; text-anchor: end; }}
    .label {{ text-anchor: middle; }}
    .panel {{ fill: #f0f1ec; }}
    .mark {{ stroke: #cfd3cc; }}
    .line {{ fill: none; stroke-width: 2; }}
    .c0 {{ stroke: #1b5a9c; }} .d0 {{ fill: #1b5a9c; }}
    .c1 {{ stroke: #2a7d4f; stroke-dasharray: 9 3; }} .d1 {{ fill: #2a7d4f; }}
    .c2 {{ stroke: #a03d0b; stroke-dasharray: 5 3; }} .d2 {{ fill: #a03d0b; }}
    .c3 {{ stroke: #7a3b8f; stroke-dasharray: 9 3 2 3; }} .d3 {{ fill: #7a3b8f; }}
    .c4 {{ stroke: #596168; stroke-dasharray: 2 3; }} .d4 {{ fill: #596168; }}

    @media (prefers-color-scheme: dark) {{
      text {{ fill: #dee3e5; }}
      .value {{ fill: #9ba6ad; }}
      .panel {{ fill: #1c2226; }}
      .mark {{ stroke: #3a4248; }}
      .c0 {{ stroke: #82b9f1; }} .d0 {{ fill: #82b9f1; }}
      .c1 {{ stroke: #7fd1a2; }} .d1 {{ fill: #7fd1a2; }}
      .c2 {{ stroke: #f09a62; }} .d2 {{ fill: #f09a62; }}
      .c3 {{ stroke: #d3a0e6; }} .d3 {{ fill: #d3a0e6; }}
      .c4 {{ stroke: #9ba6ad; }} .d4 {{ fill: #9ba6ad; }}
    }}
  </style>

  <rect class="panel" width="{width:.0}" height="{height:.0}" rx="8"/>
{drawn}</svg>
"#
    )
}
