import Foundation
import Runs
import TestSupport
import Testing

@Suite("The drawing of the losses")
struct ChartTests {
  static let prologue = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

  private func page(_ history: RunHistory, title: String = "a run", stepCount: Int? = nil) throws -> PageText {
    try PageText(LossChart(history, title: title, stepCount: stepCount).svg, prologue: ChartTests.prologue)
  }

  private func elements(_ page: PageText, _ style: String) -> [[String: String]] {
    page.elements.map(\.attributes).filter { $0["class"]?.split(separator: " ").contains(Substring(style)) == true }
  }

  /// Places of a curve.
  private func places(_ page: PageText, _ style: String) -> [(x: Double, y: Double)] {
    let curve = page.elements.last { $0.name == "path" && $0.attributes["class"] == style }?.attributes["d"] ?? ""
    return curve.dropFirst().split(separator: "L").compactMap { place in
      let parts = place.split(separator: " ").compactMap { Double($0) }
      return parts.count == 2 ? (parts[0], parts[1]) : nil
    }
  }

  @Test func aUsualRun() throws {
    let page = try page(Course.history(steps: 200, validateEvery: 50), title: "quick & <dirty>", stepCount: 400)
    #expect(page.text.contains("quick & <dirty>") && page.text.contains("step 200 of 400, epoch 4.00"))
    #expect(page.text.contains("validation, lowest ") && page.text.contains("learning rate") && page.text.contains("epoch 2"))
    #expect(places(page, "raw").count == 200 && places(page, "smooth").count == 200 && places(page, "validation").count == 5)
    // A dot for each validation, one in the legend, a ring around the lowest.
    #expect(elements(page, "dot").count == 6 && elements(page, "best").count == 1)
    for style in ["raw", "smooth", "validation", "rate"] {
      let xs = places(page, style).map(\.x)
      #expect(xs == xs.sorted() && xs.allSatisfy { $0 >= 62 && $0 <= 858 }, "\(style)")
      #expect(xs.last == 858)
    }
    // Lower loss is lower in the drawing, where y grows downward.
    let smooth = places(page, "smooth")
    #expect(smooth[0].y < smooth[199].y - 100)
    // Whoever cannot see it reads it.
    #expect(page.elements[0].attributes["role"] == "img" && page.elements[0].attributes["aria-label"]?.contains("at step 200") == true)
  }

  @Test func oneStepIsADot() throws {
    let page = try page(Course.history(steps: 1))
    #expect(elements(page, "alone").count == 3 && page.text.contains("training") && !page.text.contains("validation"))
  }

  @Test func validationAloneIsDrawn() throws {
    let page = try page(Course.history("{\"event\":\"validation\",\"step\":0,\"loss\":3.5,\"seconds\":0.5}\n"))
    #expect(elements(page, "dot").count == 2 && !page.text.contains("learning rate"))
  }

  @Test func nothingIsWellFormedToo() throws {
    #expect(LossChart(RunHistory(), title: "", stepCount: nil).isEmpty)
    #expect(try page(RunHistory()).elements.first?.name == "svg")
  }

  /// null stands for what is not finite.
  @Test func whatIsNotKnownIsLeftOut() throws {
    let lines = Course.lines(steps: 10).split(separator: "\n").enumerated().map { index, line in
      guard index % 3 == 1 else { return String(line) }
      return line.replacingOccurrences(of: #""loss":[0-9.e-]+"#, with: "\"loss\":null", options: .regularExpression)
    }
    let page = try page(Course.history(lines.map { $0 + "\n" }.joined()))
    #expect(places(page, "raw").count == 7 && places(page, "rate").count == 10)
  }

  @Test(arguments: [[0.0, 0.0, 0.0], [5, 5, 5], [-3, -2, -1], [1e-9, 2e-9, 3e-9], [1e12, 2e12, 3e12], [1e-12, 1, 1e12]])
  func anyRangeHasMarks(losses: [Double]) throws {
    let lines = losses.enumerated().map { "{\"event\":\"step\",\"step\":\($0 + 1),\"loss\":\($1),\"learning_rate\":0,\"seconds\":1}\n" }
    let page = try page(Course.history(lines.joined()))
    #expect(elements(page, "grid").count >= 2, "\(losses)")
    #expect(places(page, "raw").allSatisfy { $0.y >= 68 && $0.y <= 322 })
  }

  @Test func aLongRunIsThinnedAndKeepsItsPeaks() throws {
    var text = Course.lines(steps: 100_000, validateEvery: 1000)
    // A spike that a thousand neighbours must not hide.
    let spike = #""step":50000,"epoch":1000.0,"loss":"#
    #expect(text.contains(spike))
    text = text.replacingOccurrences(of: spike, with: spike + "9")
    let svg = LossChart(Course.history(text), title: "long", stepCount: 100_000).svg
    #expect(svg.utf8.count < 80_000, "\(svg.utf8.count) bytes")
    let page = try PageText(svg, prologue: ChartTests.prologue)
    let raw = places(page, "raw")
    #expect(raw.count <= 1202 && raw.last?.x == 858)
    let top = try #require(raw.filter { $0.x > 100 }.min { $0.y < $1.y })
    #expect(abs(top.x - 460) < 2, "\(top)")
    #expect(elements(page, "epoch").isEmpty && elements(page, "best").count == 1)
  }

  /// A constant stays what it is, and the curve begins where the losses do.
  @Test func smoothingIsAMean() throws {
    let lines = (1...400).map { "{\"event\":\"step\",\"step\":\($0),\"loss\":\($0 % 2 == 0 ? 1.0 : 3.0),\"seconds\":1}\n" }
    let page = try page(Course.history(lines.joined()))
    let smooth = places(page, "smooth"), raw = places(page, "raw")
    #expect(smooth[0].y == raw[0].y)
    let middle = (raw[100].y + raw[101].y) / 2
    #expect(smooth[30..<380].allSatisfy { abs($0.y - middle) < 2 } && abs(smooth[399].y - middle) < 15)
  }
}
