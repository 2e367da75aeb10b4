/** Of calls, and of the requests that they are at the other end. */
export const callErrors = {
  FB_CALL_BUSY: {
    kind: 'transient',
    message: 'call of {dependency} refused: its {reason} has no place left',
    remedy: 'It is slow or busy; nothing was sent. Raise the bulkhead only if the dependency can take more.',
  },
  FB_CALL_CONTRACT: {
    kind: 'permanent',
    message: 'the {part} of call {call} is not as declared: {issues}',
    remedy: 'Fix what sends it, or the schema of the call.',
  },
  FB_CALL_DEADLINE: {
    kind: 'transient',
    message: 'call of {dependency} not answered before its deadline, after {attempts} attempts',
    remedy: 'Look at what the dependency waits for; a caller further up may have left little time.',
  },
  FB_CALL_FAILED: {
    kind: 'transient',
    message: 'call of {dependency} failed: {reason}',
    remedy: 'Look at the dependency; calls are tried again within their policy.',
  },
  FB_CALL_OPEN: {
    kind: 'transient',
    message: 'call of {dependency} refused: its breaker is open',
    remedy: 'Too many calls failed; probes go on by themselves and close it when it answers.',
  },
  FB_CALL_REJECTED: {
    kind: 'permanent',
    message: '{dependency} rejected call {call} with {status}: {reason}',
    remedy: 'The request is wrong for it, and is not sent again; see the reason that it gave.',
  },
  FB_CALL_THROTTLED: {
    kind: 'transient',
    message: '{dependency} answered {status} and asked for a pause of {afterMs} ms',
    remedy: 'Nothing to do: a handler is tried again after that time. If it lasts, send less.',
  },
  FB_CALL_TIMEOUT: {
    kind: 'transient',
    message: 'call of {dependency} not answered within {attemptTimeoutMs} ms, in {attempts} attempts',
    remedy: 'Look at the dependency; raise attemptTimeoutMs if it is known to take longer.',
  },
  FB_NOT_CALLABLE: {
    kind: 'bug',
    message: '{who} does not declare that it calls {call}',
    remedy: 'Add the call to `calls` of the handler; for runtime.call, to `calls` of the service.',
  },
  FB_REQUEST_ABANDONED: {
    kind: 'transient',
    message: 'the caller has gone',
    remedy: 'Nothing to do: nobody waits for the answer.',
  },
  FB_REQUEST_EXPIRED: {
    kind: 'transient',
    message: 'the time of this request, {timeoutMs} ms, is over',
    remedy: 'Look at what it waited for; the caller sets the time, up to timeoutMaxMs.',
  },
} as const
