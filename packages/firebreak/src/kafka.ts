import './node/supported-node.ts'

export type { Compression, KafkaOptions, KafkaSasl, KafkaTls } from './kafka/cluster/kafka-options.ts'
export { type Removable, removeFromKafka } from './kafka/cluster/kafka-remove.ts'
export { kafkaLog } from './kafka/kafka-log.ts'
