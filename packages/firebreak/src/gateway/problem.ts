/** What a server says instead of the answer that was asked for. */
export interface ProblemAnswer<Status extends number = number> {
  readonly status: Status
  readonly headers: Readonly<Record<string, string>>
  /** RFC 9457. */
  readonly body: string
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  410: 'Gone',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

interface ProblemParts {
  readonly headers?: Readonly<Record<string, string>>
  /** Members besides those of the standard. */
  readonly more?: Readonly<Record<string, unknown>>
}

/** **Source** RFC 9457; without a type, its title is that of the status. */
export function problemAnswer<Status extends number>(
  status: Status,
  detail: string,
  { headers, more }: ProblemParts = {},
): ProblemAnswer<Status> {
  const body = JSON.stringify({ title: titles[status], status, detail, ...more })
  return { status, headers: { 'content-type': 'application/problem+json', ...headers }, body }
}

export const responseOf = ({ status, headers, body }: ProblemAnswer): Response =>
  new Response(body, { status, headers })
