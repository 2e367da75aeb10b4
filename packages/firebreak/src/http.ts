import './node/supported-node.ts'

export { type Admission, type AdmissionOptions, type AdmissionStats, createAdmission } from './gateway/admission.ts'
export type { Refusal } from './gateway/admission-request.ts'
export { type FailureAnswer, failureAnswer } from './gateway/answer.ts'
export { type FastifyAdmissionPlugin, fastifyAdmission, serverContext } from './gateway/fastify-admission.ts'
export { guarded, type RequestHandler } from './gateway/guarded.ts'
export type { ServerContext } from './gateway/server-context.ts'
