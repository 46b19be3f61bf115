//! The figures as a drawing.

use super::Measured;

/// The figures as bars.
pub fn drawing(measured: &[Measured], base: f64) -> String {
    const WIDTH: f64 = 420.0;
    const BAR: f64 = 260.0;
    let rates = measured.iter().map(Measured::requests_per_second);
    let most = rates.fold(base, f64::max);
    let height = 62 * (measured.len() + 1);
    let mut bars = String::new();
    for (number, one) in measured.iter().enumerate() {
        let top = 74 + 62 * number;
        let rate = one.requests_per_second();
        let length = (rate / most * BAR).max(1.0);
        let kind = match one.chapter == measured[0].chapter {
            true => "first",
            false => "second",
        };
        bars += &format!(
            "  <text class=\"name\" x=\"24\" y=\"{}\">{}</text>\n  \
             <rect class=\"{kind}\" x=\"24\" y=\"{}\" width=\"{length:.1}\" height=\"20\" rx=\"3\"/>\n  \
             <text class=\"value\" x=\"{:.1}\" y=\"{}\">{:.0} ({:.2})</text>\n",
            top - 8,
            one.name(),
            top,
            24.0 + length + 8.0,
            top + 15,
            rate,
            rate / base,
        );
    }
    let title = format!(
        "Requests answered per second, {} and others",
        measured[0].name()
    );
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}">
  <title>{title}</title>
  <style>
    text {{
      font: 15px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
      fill: #20262b;
    }}
    .title {{ font-weight: bold; }}
    .value {{ font-size: 14px; fill: #596168; }}
    .panel {{ fill: #f0f1ec; }}
    .first {{ fill: #1b5a9c; }}
    .second {{ fill: #a03d0b; }}

    @media (prefers-color-scheme: dark) {{
      text {{ fill: #dee3e5; }}
      .value {{ fill: #9ba6ad; }}
      .panel {{ fill: #1c2226; }}
      .first {{ fill: #82b9f1; }}
      .second {{ fill: #f09a62; }}
    }}
  </style>

  <rect class="panel" width="{WIDTH}" height="{height}" rx="8"/>
  <text class="title" x="24" y="34">Requests answered per second</text>
{bars}</svg>
"#
    )
}
