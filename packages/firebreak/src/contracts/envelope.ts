/**
 * The envelope around every event: CloudEvents 1.0, Kafka binary content mode (attributes in headers, payload in the
 * value), with the Correlation and the Distributed Tracing extensions. The same headers are used on every engine.
 *
 * Grammar of the headers, values are UTF-8 strings:
 *
 *     ce_specversion   "1.0"
 *     ce_id            unique per event; a replay keeps it, an edited replay gets a new one
 *     ce_source        "/" service
 *     ce_type          event type
 *     ce_time          RFC 3339, UTC, ms
 *     ce_schemaversion decimal version of the payload's schema
 *     ce_correlationid one business transaction
 *     ce_causationid   ce_id of the direct cause; absent on the first event
 *     traceparent      W3C trace context
 *     content-type     "application/json"
 *
 * **Source** CloudEvents Kafka protocol binding 1.0.2, section 3.2; W3C Trace Context level 2
 */
export interface Envelope {
  readonly id: string
  readonly source: string
  readonly type: string
  readonly time: string
  readonly schemaVersion: number
  readonly correlationId: string
  readonly causationId: string | null
  readonly traceparent: string | null
}

export type Headers = Readonly<Record<string, string>>
