/// How the report looks, and the little that it does.
enum ReportStyle {
  /// Colours that models take in turn, told apart by people with any colour vision in their order; names always stand beside them.
  static let colorCount = 6

  /// Only the script below runs: the policy names its SHA-256.
  static let policy =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-1YOmcqGpJxOm0/Eyf6gQ8lbK4VWMdHAHnu1ogEPz1JU='; base-uri 'none'; form-action 'none'"

  static let styles = """

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
    .models { list-style: none; margin: 0; padding: 0; }
    .models li { display: flex; flex-wrap: wrap; gap: 0 .75rem; align-items: baseline; overflow-wrap: anywhere; }
    .name { display: inline-flex; align-items: baseline; font-weight: 600; overflow-wrap: break-word; }
    .swatch { flex: none; width: .7em; height: .7em; margin-right: .4em; }
    nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin-top: .75rem; }
    .wide { overflow-x: auto; margin: .5rem 0 1rem; }
    table { border-collapse: collapse; font-size: .9375rem; }
    caption { text-align: left; color: var(--quiet); font-size: .875rem; padding-bottom: .25rem; }
    th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0; font-weight: inherit; }
    thead th { color: var(--quiet); font-size: .8125rem; border-bottom: 1px solid var(--line); vertical-align: bottom; }
    thead .name { color: var(--ink); }
    tbody th { overflow-wrap: anywhere; }
    .scores { width: 100%; }
    .scores tbody th { font-weight: 600; min-width: 8rem; }
    .scores td:last-child { min-width: 15rem; }
    .scores tbody th .quiet { font-weight: 400; }
    .scores tr.first, tbody tr.answer { border-top: 1px solid var(--line); }
    .scores thead + tbody tr.first:first-child { border-top: 0; }
    .number { font-variant-numeric: tabular-nums; white-space: nowrap; }
    td.number { text-align: right; }
    .scores td.number { text-align: left; }
    .bar svg { display: block; margin-top: .15rem; }
    .ground { fill: var(--ground); }
    .whisker { stroke: var(--ink); stroke-width: 1.5; }
    .guess { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 2 2; }
    .c0 { fill: var(--c0); } .c1 { fill: var(--c1); } .c2 { fill: var(--c2); }
    .c3 { fill: var(--c3); } .c4 { fill: var(--c4); } .c5 { fill: var(--c5); }
    details { margin: .5rem 0; }
    summary { cursor: pointer; font-weight: 600; }
    .before summary { font-weight: 400; color: var(--quiet); font-size: .875rem; }
    article { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .8rem 1rem; margin: .75rem 0;
      break-inside: avoid; contain: content; }
    .verdicts { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0 0 .5rem; }
    .right { color: var(--right); font-weight: 600; white-space: nowrap; }
    .wrong { color: var(--wrong); font-weight: 600; white-space: nowrap; }
    .chosen { font-weight: 600; background: var(--mark); }
    b { font-weight: 600; }
    article td, article th { padding-left: .4rem; }
    pre { margin: 0 0 .5rem; font: inherit; white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: plaintext; }
    .prompt { border-left: 3px solid var(--line); padding-left: .75rem; }
    .choice { white-space: pre-wrap; overflow-wrap: anywhere; min-width: 12rem; max-width: 40rem; }
    .answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 1rem; margin-top: .5rem; }
    .said { background: var(--paper); border-radius: .25rem; padding: .4rem .6rem; }
    .controls { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: center; }
    .controls[hidden], article[hidden] { display: none; }
    select, input { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: .25rem;
      padding: .15rem .4rem; max-width: 100%; }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.25rem; font-size: .9375rem; }
    dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
    @media (max-width: 40rem) { .bar svg { width: 110px; height: auto; } dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; } }
    @media print { body { max-width: none; padding: 0; font-size: 10pt; } .controls, nav { display: none; } article { contain: none; }
      svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; } .wide { overflow: visible; } }

    """

  // Well-formed as XML text too: no less-than sign and no ampersand.
  static let script = """

    document.querySelectorAll('.samples').forEach(function (task) {
      var form = task.querySelector('.controls'), choice = form.querySelector('select'), search = form.querySelector('input');
      var count = form.querySelector('output'), articles = Array.from(task.querySelectorAll('article')), texts = null;
      function fits(marks, pattern) {
        if (pattern === 'd') { return marks.indexOf('0') === -1 ? false : marks.indexOf('1') !== -1; }
        return Array.from(pattern).every(function (mark, index) { return mark === '?' ? true : mark === marks[index]; });
      }
      function apply() {
        var pattern = choice ? choice.value : '', words = search.value.trim().toLowerCase(), shown = 0;
        texts = texts || articles.map(function (article) { return article.textContent.toLowerCase(); });
        articles.forEach(function (article, index) {
          var stays = fits(article.dataset.marks, pattern) ? texts[index].indexOf(words) !== -1 : false;
          article.hidden = !stays;
          if (stays) { shown += 1; }
        });
        count.textContent = shown + ' of ' + articles.length;
      }
      form.hidden = false;
      form.addEventListener('input', apply);
      form.addEventListener('submit', function (event) { event.preventDefault(); });
    });

    """
}
