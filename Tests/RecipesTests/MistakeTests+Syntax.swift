extension MistakeTests {
  static let syntax: [Mistake] = [
    .text("", "x.yaml: the file is empty."),
    .text("# only a comment\n", "x.yaml: the file is empty."),
    .text("just a sentence", "x.yaml:1: expected 'key: value' lines, but the text is 'just a sentence'."),
    .text("- a\n- b\n", "x.yaml:1: expected 'key: value' lines, but the text is a list."),
    .lora("rank:8", "x.yaml:8: lora is 'rank:8'; expected keys below it. A space belongs after the colon."),
    .lora("alpha: 16\n  rank:8\n  dropout: 0", "x.yaml:9: not valid YAML: 'rank:8' is no 'key: value' (a colon and a space)."),
    .lora(
      "target_modules: [q_proj, v_proj",
      "x.yaml:9:1: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence from line 8."),
    .lora("rank: 8\n alpha: 16", "x.yaml:9:2: not valid YAML: did not find expected key while parsing a block mapping from line 1."),
    .lora("\trank: 8", "x.yaml:8:3: a tab; YAML indents with spaces only."),
    .text("base: \"models\n", "x.yaml:2:1: not valid YAML: found unexpected end of stream while scanning a quoted scalar from line 1."),
    .text("base: @models\n", "x.yaml:1:7: not valid YAML: a value cannot begin with this character; put it in quotes."),
    .top("lora: &shared\n  rank: 8", "x.yaml:7: anchors and aliases ('&' and '*') are not supported; write the value out."),
    .top("adapters: *all", "x.yaml:7:11: anchors and aliases ('&' and '*') are not supported; quote a text that begins with '*'."),
    .lora("<<: {rank: 8}", "x.yaml:8: merge keys ('<<') are not supported; write the values out."),
    .lora("rank: !!int 8", "x.yaml:8: tags ('tag:yaml.org,2002:int') are not supported; write the value alone."),
    .top("--- # next\nbase: b", "x.yaml:7: a second document begins here; expected only one."),
    .top("? [a, b]\n: c", "x.yaml:7: a key must be a word, not a list or a section."),
    .text("base: a\u{0}b", "x.yaml:1: not valid YAML: control characters are not allowed."),
    .text(String(repeating: "[", count: 5000), "x.yaml:1: not valid YAML: nested too deeply."),
  ]

  static let overrides: [Mistake] = [
    .override("lora.rnak=16", messages: ["command line: lora.rnak=16: unknown key 'rnak' in 'lora'. Did you mean 'rank'?"]),
    .override("lora.rank=x", messages: ["command line: lora.rank=x: lora.rank is 'x'; expected a whole number from 1."]),
    .override("lora.rank=", messages: ["command line: lora.rank=: lora.rank has no value; expected a whole number from 1."]),
    .override("lora.rank", messages: ["command line: lora.rank: expected key=value, such as lora.rank=16."]),
    .override(
      "lora..rank=8", messages: ["command line: lora..rank=8: 'lora..rank' is not a key; expected key=value, such as lora.rank=16."]),
    .override("=8", messages: ["command line: =8: '' is not a key; expected key=value, such as lora.rank=16."]),
    .override("base.path=b", messages: ["command line: base.path=b: 'base' is 'models/b', so it has no 'path'."]),
    .override("lora.rank=8", "lora.rank=16", messages: ["command line: lora.rank=16: lora.rank is given twice."]),
    .override("lora={rnak: 8}", messages: ["command line: lora={rnak: 8}: unknown key 'rnak' in 'lora'. Did you mean 'rank'?"]),
    .override(
      "data.train=[a.json",
      messages: [
        "command line: data.train=[a.json: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence."
      ]),
    .override(
      "training.max_steps=5", "training.epochs=2",
      messages: ["command line: training.max_steps=5: training.epochs and training.max_steps are both given; keep one."]),
    .override(
      "training.max_steps=5", "training.warmup_steps=9",
      messages: ["command line: training.warmup_steps=9: training.warmup_steps is 9, but the run has only 5 steps."]),
  ]
}
