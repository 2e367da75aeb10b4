import { type Connection, produceV9, Writer } from '@platformatic/kafka'
import { answered } from '../cluster/kafka-connections.ts'
import type { Compression } from '../cluster/kafka-options.ts'
import type { AppendQueue, Batch } from './append-queue.ts'

/** The first batch of a queue, on its way. */
export interface Sending {
  readonly queue: AppendQueue
  readonly batch: Batch
}

export interface ProduceAnswer {
  readonly errorCode: number
  readonly baseOffset: number
  readonly message: string
}

/** Sends one batch for each of several partitions. **Shape** answers by `topic/partition`. */
export async function sendBatches(
  connection: Connection,
  sending: readonly Sending[],
  { compression, withinMs }: { compression: Compression; withinMs: number },
): Promise<ReadonlyMap<string, ProduceAnswer>> {
  const body = requestBody(sending, compression, withinMs)
  const { responses } = await new Promise<ReturnType<typeof produceV9.parseResponse>>((resolve, reject) => {
    connection.send(0, 9, () => body, produceV9.parseResponse, true, true, answered(resolve, reject))
  })
  const answers = new Map<string, ProduceAnswer>()
  for (const { name, partitionResponses } of responses) {
    for (const { index, errorCode, baseOffset, errorMessage } of partitionResponses)
      answers.set(`${name}/${index}`, { errorCode, baseOffset: Number(baseOffset), message: errorMessage ?? '' })
  }
  return answers
}

/** **Source** produce request, version 9: acks -1 (all), one batch per partition. */
function requestBody(sending: readonly Sending[], compression: Compression, withinMs: number): Writer {
  const topics = new Map<string, Sending[]>()
  for (const one of sending) {
    const list = topics.get(one.queue.topic)
    if (list === undefined) topics.set(one.queue.topic, [one])
    else list.push(one)
  }
  return Writer.create()
    .appendString(null)
    .appendInt16(-1)
    .appendInt32(withinMs)
    .appendArray([...topics], (topicWriter, [topic, list]) => {
      topicWriter.appendString(topic).appendArray(list, (writer, { queue, batch }) => {
        const bytes = batch.writer.finish(queue.producer ?? { id: -1n, epoch: -1, sequence: -1 }, compression)
        writer
          .appendInt32(queue.partition)
          .appendUnsignedVarInt(bytes.length + 1)
          .append(bytes)
      })
    })
    .appendTaggedFields()
}
