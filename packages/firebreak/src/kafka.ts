export { kafkaLog } from './kafka/kafka-log.ts'
export type { Compression, KafkaOptions, KafkaSasl, KafkaTls } from './kafka/kafka-options.ts'
