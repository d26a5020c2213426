/// The frame of the pages that are written for people: one file, no network, light and dark, on a screen and on paper.
package enum HTMLPage {
  /// A whole page.
  ///
  /// - Parameters:
  ///   - styles: what comes after the common ones.
  ///   - policy: the content security policy; what it does not name is not loaded and not run.
  package static func html(title: String, styles: String = "", policy: String = policy, body: [Markup]) -> String {
    let head = Markup.element(
      "head", [],
      [
        .element("meta", [("charset", "utf-8")]),
        .element("meta", [("name", "viewport"), ("content", "width=device-width, initial-scale=1")]),
        .element("meta", [("http-equiv", "Content-Security-Policy"), ("content", policy)]),
        .element("meta", [("name", "color-scheme"), ("content", "light dark")]),
        .element("title", title), Markup(source: "<style>\(HTMLPage.styles)\(styles)</style>"),
      ])
    return "<!DOCTYPE html>\n<html lang=\"en\">\n\(head.source)\n\(Markup.element("body", [], body).source)\n</html>\n"
  }

  /// Without scripts.
  package static let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

  private static let styles = """

    :root { color-scheme: light dark; --ink: #1b1f24; --quiet: #59626d; --paper: #ffffff; --panel: #f5f6f8; --line: #d8dce2;
      --right: #146c43; --wrong: #a92a2a; --link: #0a5aa8; --ground: #e6e9ee; --mark: #fff6d6;
      --c0: #4f7fb5; --c1: #d9772b; --c2: #2f8f6b; --c3: #9a62b8; --c4: #8a7a1f; --c5: #c0507a; }
    @media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --quiet: #a2acb8; --paper: #14171b; --panel: #1d2127; --line: #353c45;
      --right: #63cf99; --wrong: #ff9088; --link: #7bb8f5; --ground: #2b3139; --mark: #3a3419;
      --c0: #6fa3dc; --c1: #e8914c; --c2: #52b893; --c3: #bb8ad6; --c4: #b8a649; --c5: #e07ba1; } }
    * { box-sizing: border-box; }
    body { margin: 0 auto; max-width: 72rem; padding: 1.5rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
      font: 1rem/1.5 system-ui, sans-serif; }
    h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .5rem; overflow-wrap: anywhere; }
    h2 { font-size: 1.3rem; margin: 2.5rem 0 .5rem; overflow-wrap: anywhere; }
    h3 { font-size: 1rem; margin: 0 0 .4rem; overflow-wrap: anywhere; }
    h4 { font-size: .9rem; margin: 0 0 .3rem; }
    a { color: var(--link); }
    .lead { max-width: 46rem; margin: 0 0 .75rem; }
    .quiet { color: var(--quiet); font-size: .875rem; }
    .reading { max-width: 56rem; }
    .wide { overflow-x: auto; margin: .5rem 0 1rem; }
    table { border-collapse: collapse; font-size: .9375rem; }
    caption { text-align: left; color: var(--quiet); font-size: .875rem; padding-bottom: .25rem; }
    th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0; font-weight: inherit; }
    thead th { color: var(--quiet); font-size: .8125rem; border-bottom: 1px solid var(--line); vertical-align: bottom; }
    tbody th { overflow-wrap: anywhere; }
    .number { font-variant-numeric: tabular-nums; white-space: nowrap; }
    td.number { text-align: right; }
    details { margin: .5rem 0; }
    summary { cursor: pointer; font-weight: 600; }
    article { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem; margin: .75rem 0;
      break-inside: avoid; contain: content; }
    .right { color: var(--right); font-weight: 600; white-space: nowrap; }
    .wrong { color: var(--wrong); font-weight: 600; white-space: nowrap; }
    b { font-weight: 600; }
    pre { margin: 0 0 .5rem; font: inherit; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; }
    .prompt { border-left: 3px solid var(--line); padding-left: .75rem; }
    .answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 1rem; margin-top: .5rem; }
    .said { background: var(--paper); border-radius: .25rem; padding: .4rem .6rem; }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.25rem; font-size: .9375rem; }
    dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
    @media (max-width: 40rem) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } }
    @media print { body { max-width: none; padding: 0; font-size: 10pt; } nav { display: none; } article { contain: none; }
      svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; } .wide { overflow: visible; } }

    """
}
