export type { Compression, KafkaOptions, KafkaSasl, KafkaTls } from './kafka/cluster/kafka-options.ts'
export { kafkaLog } from './kafka/kafka-log.ts'
