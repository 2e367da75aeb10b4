import type { WireValue } from './values.ts'

/**
 * Writes messages of the extended query protocol one behind the other, so that a round trip leaves in one piece: a
 * vector of ten small pieces costs the system more than the copy.
 *
 *     message = type (1 byte), length of what follows with itself (4 bytes), body
 *     text    = UTF-8, ended by a zero byte
 *
 * **Source** https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export class MessageWriter {
  #buffer = Buffer.allocUnsafe(4096)
  #at = 0
  #startedAt = 0

  /** Parse, and Describe for what its rows will look like. The server chooses the types of the parameters. */
  parse(name: string, text: string): void {
    this.#begin('P')
    this.#text(name)
    this.#text(text)
    this.#int16(0)
    this.#end()
    this.#named('D', name)
  }

  /** Bind and Execute, for all rows and as text. */
  run(name: string, values: readonly WireValue[]): void {
    this.#begin('B')
    this.#text('')
    this.#text(name)
    this.#int16(values.length)
    for (const value of values) this.#int16(typeof value === 'string' || value === null ? 0 : 1)
    this.#int16(values.length)
    for (const value of values) this.#value(value)
    this.#int16(0)
    this.#end()
    this.#begin('E')
    this.#text('')
    this.#int32(0)
    this.#end()
  }

  close(name: string): void {
    this.#named('C', name)
  }

  sync(): void {
    this.#begin('S')
    this.#end()
  }

  /** What was written since the last time. */
  take(): Buffer {
    const bytes = Buffer.allocUnsafe(this.#at)
    this.#buffer.copy(bytes, 0, 0, this.#at)
    this.#at = 0
    if (this.#buffer.length > keptBytesMax) this.#buffer = Buffer.allocUnsafe(4096)
    return bytes
  }

  #named(type: string, name: string): void {
    this.#begin(type)
    this.#text(`S${name}`)
    this.#end()
  }

  #begin(type: string): void {
    this.#room(5)
    this.#buffer[this.#at] = type.charCodeAt(0)
    this.#startedAt = this.#at + 1
    this.#at += 5
  }

  #end(): void {
    this.#buffer.writeInt32BE(this.#at - this.#startedAt, this.#startedAt)
  }

  #int16(value: number): void {
    this.#room(2)
    this.#at = this.#buffer.writeUInt16BE(value, this.#at)
  }

  #int32(value: number): void {
    this.#room(4)
    this.#at = this.#buffer.writeInt32BE(value, this.#at)
  }

  #text(text: string): void {
    this.#room(text.length * 3 + 1)
    this.#at += this.#buffer.write(text, this.#at)
    this.#buffer[this.#at++] = 0
  }

  #value(value: WireValue): void {
    if (value === null) {
      this.#int32(-1)
      return
    }
    if (typeof value === 'string') {
      this.#room(value.length * 3 + 4)
      const bytes = this.#buffer.write(value, this.#at + 4)
      this.#buffer.writeInt32BE(bytes, this.#at)
      this.#at += bytes + 4
      return
    }
    this.#int32(value.length)
    this.#room(value.length)
    this.#at += value.copy(this.#buffer, this.#at)
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#at + bytes))
    this.#buffer.copy(larger, 0, 0, this.#at)
    this.#buffer = larger
  }
}

// One large row must not be paid for in memory forever.
const keptBytesMax = 1 << 20
