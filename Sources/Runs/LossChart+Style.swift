extension LossChart {
  /// Named under the drawing's own class, so that they touch nothing else of a page.
  static let styles = """

    .loss-chart { --ink: #1b1f24; --quiet: #59626d; --paper: #ffffff; --line: #e4e7ec; --edge: #c4cad3; --blue: #2f6fb3;
      --orange: #d0651a; --green: #2b8a66; font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
      max-width: 100%; height: auto; }
    @media (prefers-color-scheme: dark) { .loss-chart { --ink: #e4e8ee; --quiet: #a2acb8; --paper: #14171b; --line: #2a3038;
      --edge: #4a535f; --blue: #6fa9e6; --orange: #f0965a; --green: #58bd98; } }
    .loss-chart .paper { fill: var(--paper); stroke: var(--edge); stroke-opacity: .6; }
    .loss-chart text { fill: var(--ink); }
    .loss-chart .title { font-size: 17px; font-weight: 600; }
    .loss-chart .title .quiet { font-weight: 400; font-size: 13px; }
    .loss-chart .quiet { fill: var(--quiet); font-size: 12px; }
    .loss-chart .label { fill: var(--quiet); font-size: 12px; font-variant-numeric: tabular-nums; }
    .loss-chart .end { text-anchor: end; }
    .loss-chart .middle { text-anchor: middle; }
    .loss-chart .grid { stroke: var(--line); }
    .loss-chart .ground, .loss-chart .tick { stroke: var(--edge); }
    .loss-chart .epoch { stroke: var(--edge); stroke-dasharray: 2 4; }
    .loss-chart path { fill: none; stroke-linejoin: round; stroke-linecap: round; }
    .loss-chart .raw { stroke: var(--blue); stroke-opacity: .32; stroke-width: 1; }
    .loss-chart .smooth { stroke: var(--blue); stroke-width: 2.2; }
    .loss-chart .validation { stroke: var(--orange); stroke-width: 1.4; stroke-opacity: .85; }
    .loss-chart .dot { fill: var(--orange); stroke: var(--paper); stroke-width: 1.2; }
    .loss-chart .best { fill: none; stroke: var(--orange); stroke-width: 1.6; }
    .loss-chart .rate { stroke: var(--green); stroke-width: 1.8; }
    .loss-chart circle.alone { fill: currentColor; }

    """
}
