import Checkpoints

/// The records of TensorBoard's event files.
///
/// A record is framed as TFRecord (tensorflow/core/lib/io/record_writer.h): length as 8 bytes, its masked CRC-32C, the data, their masked
/// CRC-32C; all little-endian. The data is an Event (tensorboard/compat/proto/event.proto): `wall_time` 1, `step` 2, `file_version` 3,
/// `summary` 5, `session_log` 7; a Summary has `value` 1, with `tag` 1 and `simple_value` 2.
package enum EventRecord {
  /// What every file begins with: its version, and the beginning of a session at step 0, upon which a reader forgets what an earlier
  /// file of the run told (`event_accumulator.py`, `_CheckForRestartAndMaybePurge`).
  package static func opening(time: Double) -> [UInt8] {
    let version = record(time: time, step: 0) { $0.text(3, "brain.Event:2") }
    return version + record(time: time, step: 0) { $0.message(7) { $0.integer(1, 1) } }
  }

  /// One step's values by their tags; those that are not known are left out.
  ///
  /// - Parameter time: seconds since 1970.
  package static func scalars(_ values: [(tag: String, value: Double?)], step: Int, time: Double) -> [UInt8] {
    let known = values.compactMap { tag, value in value.map { (tag, Float($0)) } }
    guard !known.isEmpty else { return [] }
    return record(time: time, step: step) { event in
      event.message(5) { summary in
        for (tag, value) in known {
          summary.message(1) {
            $0.text(1, tag)
            $0.float(2, value)
          }
        }
      }
    }
  }

  private static func record(time: Double, step: Int, _ fill: (inout ProtobufWriter) -> Void) -> [UInt8] {
    var event = ProtobufWriter()
    event.double(1, time)
    if step != 0 { event.integer(2, step) }
    fill(&event)
    var length: [UInt8] = []
    length.appendLittleEndian(UInt64(event.bytes.count))
    var record = length
    record.appendLittleEndian(maskedCRC(length))
    record += event.bytes
    record.appendLittleEndian(maskedCRC(event.bytes))
    return record
  }

  /// Rotated and shifted, since a checksum of data that holds checksums is a weak one.
  package static func maskedCRC(_ bytes: [UInt8]) -> UInt32 {
    var crc = CRC32(.castagnoli)
    bytes.withUnsafeBytes { crc.update($0) }
    return (crc.value >> 15 | crc.value << 17) &+ 0xa282_ead8
  }
}
