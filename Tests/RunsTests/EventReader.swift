import Foundation

/// A reader of TensorBoard's files that shares nothing with their writer: sums bit by bit, fields by their numbers.
struct EventReader {
  struct Event: Equatable {
    var time = 0.0
    var step = 0
    var version: String?
    var beginsSession = false
    var values: [String: Float] = [:]
  }

  struct Malformed: Error { let reason: String }

  private(set) var events: [Event] = []

  init(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      guard rest.count >= 16 else { throw Malformed(reason: "a record is cut off") }
      let header = Array(rest.prefix(8))
      let length = Int(EventReader.number(header))
      try EventReader.check(header, rest.dropFirst(8).prefix(4))
      rest = rest.dropFirst(12)
      guard rest.count >= length + 4 else { throw Malformed(reason: "a record is cut off") }
      let data = Array(rest.prefix(length))
      try EventReader.check(data, rest.dropFirst(length).prefix(4))
      rest = rest.dropFirst(length + 4)
      events.append(try EventReader.event(data))
    }
  }

  /// Every value of every tag with its step, in the order of the file.
  var points: [String: [Point]] {
    var points: [String: [Point]] = [:]
    for event in events { for (tag, value) in event.values { points[tag, default: []].append(Point(step: event.step, value: value)) } }
    return points
  }

  struct Point: Equatable {
    let step: Int
    let value: Float
  }

  private static func number(_ bytes: some Collection<UInt8>) -> UInt64 {
    bytes.enumerated().reduce(0) { $0 | UInt64($1.element) << UInt64(8 * $1.offset) }
  }

  /// CRC-32C by long division, then TFRecord's mask.
  private static func check(_ bytes: [UInt8], _ stored: ArraySlice<UInt8>) throws {
    var remainder: UInt32 = 0xFFFF_FFFF
    for byte in bytes {
      for bit in 0..<8 {
        let isSet = (remainder ^ UInt32(byte >> UInt8(bit))) & 1 == 1
        remainder = (remainder >> 1) ^ (isSet ? 0x82F6_3B78 : 0)
      }
    }
    let sum = ~remainder
    let masked = ((sum >> 15) | (sum << 17)) &+ 0xA282_EAD8
    guard UInt64(masked) == number(stored) else { throw Malformed(reason: "a checksum is wrong") }
  }

  private static func event(_ data: [UInt8]) throws -> Event {
    var event = Event()
    for (field, value) in try fields(data) {
      switch (field, value) {
      case (1, .eight(let bits)): event.time = Double(bitPattern: bits)
      case (2, .integer(let step)): event.step = Int(bitPattern: UInt(step))
      case (3, .block(let text)): event.version = String(decoding: text, as: UTF8.self)
      case (7, .block(let log)):
        guard case .integer(1)? = try fields(log).first(where: { $0.0 == 1 })?.1 else { throw Malformed(reason: "another session log") }
        event.beginsSession = true
      case (5, .block(let summary)):
        for (field, value) in try fields(summary) {
          guard field == 1, case .block(let entry) = value else { throw Malformed(reason: "summary field \(field)") }
          var (tag, number) = ("", Float.nan)
          for (field, value) in try fields(entry) {
            if field == 1, case .block(let text) = value { tag = String(decoding: text, as: UTF8.self) }
            if field == 2, case .four(let bits) = value { number = Float(bitPattern: bits) }
          }
          guard event.values.updateValue(number, forKey: tag) == nil else { throw Malformed(reason: "\(tag) twice") }
        }
      default: throw Malformed(reason: "event field \(field)")
      }
    }
    return event
  }

  private enum Value {
    case integer(UInt64), eight(UInt64), four(UInt32), block([UInt8])
  }

  private static func fields(_ bytes: [UInt8]) throws -> [(Int, Value)] {
    var rest = bytes[...]
    func varint() throws -> UInt64 {
      var (value, shift): (UInt64, UInt64) = (0, 0)
      while let byte = rest.popFirst() {
        value |= UInt64(byte & 127) << shift
        if byte < 128 { return value }
        shift += 7
      }
      throw Malformed(reason: "a number is cut off")
    }
    func take(_ count: Int) throws -> ArraySlice<UInt8> {
      guard rest.count >= count else { throw Malformed(reason: "a field is cut off") }
      defer { rest = rest.dropFirst(count) }
      return rest.prefix(count)
    }
    var fields: [(Int, Value)] = []
    while !rest.isEmpty {
      let key = try varint()
      switch key & 7 {
      case 0: fields.append((Int(key >> 3), .integer(try varint())))
      case 1: fields.append((Int(key >> 3), .eight(number(try take(8)))))
      case 2: fields.append((Int(key >> 3), .block(Array(try take(Int(varint()))))))
      case 5: fields.append((Int(key >> 3), .four(UInt32(number(try take(4))))))
      default: throw Malformed(reason: "wire type \(key & 7)")
      }
    }
    return fields
  }
}
