/// How the report looks beyond what all pages share, and the little that it does.
enum ReportStyle {
  /// Colours that models take in turn, told apart by people with any colour vision in their order; names always stand beside them.
  static let colorCount = 6

  /// Only the script below runs: the policy names its SHA-256.
  static let policy =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-1YOmcqGpJxOm0/Eyf6gQ8lbK4VWMdHAHnu1ogEPz1JU='; base-uri 'none'; form-action 'none'"

  static let styles = """

    .models { list-style: none; margin: 0; padding: 0; }
    .models li { display: flex; flex-wrap: wrap; gap: 0 .75rem; align-items: baseline; overflow-wrap: anywhere; }
    .name { display: inline-flex; align-items: baseline; font-weight: 600; overflow-wrap: break-word; }
    .swatch { flex: none; width: .7em; height: .7em; margin-right: .4em; }
    nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin-top: .75rem; }
    thead .name { color: var(--ink); }
    .scores { width: 100%; }
    .scores tbody th { font-weight: 600; min-width: 8rem; }
    .scores td:last-child { min-width: 15rem; }
    .scores tbody th .quiet { font-weight: 400; }
    .scores tr.first, tbody tr.answer { border-top: 1px solid var(--line); }
    .scores thead + tbody tr.first:first-child { border-top: 0; }
    .scores td.number { text-align: left; }
    .bar svg { display: block; margin-top: .15rem; }
    .ground { fill: var(--ground); }
    .whisker { stroke: var(--ink); stroke-width: 1.5; }
    .guess { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 2 2; }
    .c0 { fill: var(--c0); } .c1 { fill: var(--c1); } .c2 { fill: var(--c2); }
    .c3 { fill: var(--c3); } .c4 { fill: var(--c4); } .c5 { fill: var(--c5); }
    .before summary { font-weight: 400; color: var(--quiet); font-size: .875rem; }
    .verdicts { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0 0 .5rem; }
    .chosen { font-weight: 600; background: var(--mark); }
    article td, article th { padding-left: .4rem; }
    .choice { white-space: pre-wrap; overflow-wrap: anywhere; min-width: 12rem; max-width: 40rem; }
    .controls { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; align-items: center; }
    .controls[hidden], article[hidden] { display: none; }
    select, input { font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line); border-radius: .25rem;
      padding: .15rem .4rem; max-width: 100%; }
    @media (max-width: 40rem) { .bar svg { width: 110px; height: auto; } }
    @media print { .controls { display: none; } }

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
