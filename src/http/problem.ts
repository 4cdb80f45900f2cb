import { STATUS_CODES } from 'node:http';
import { fieldOf, SluiceError } from '../core/index.ts';
import { InvalidContextError } from '../envelope/index.ts';

/** What a client gets for an error, in the form of RFC 9457, without internals. */
export interface Problem {
  /** The HTTP status. */
  readonly status: number;
  /** What goes with it: `content-type`, and `retry-after` in seconds where the same request may succeed later. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body, to be sent as JSON. */
  readonly body: {
    /** The status in words. */
    readonly title: string;
    /** The HTTP status again. */
    readonly status: number;
    /** The code of the error of Sluice, or `INTERNAL_ERROR`. */
    readonly code: string;
  };
}

/** What is needed of a request of Node.js to see whether its body is still on its way; that of HTTP/2 has it too. */
export interface NodeRequest {
  /** Whether it has come whole; on HTTP/2, whether it was read to its end. */
  readonly complete?: boolean | undefined;
  /** That of HTTP/2. */
  readonly stream?: object | undefined;
}

/** Codes whose errors have a status of their own. */
const statuses: Readonly<Record<string, number>> = {
  DEADLINE_EXCEEDED: 504,
  TRANSACTION_TIMEOUT: 504,
  JOB_TIMEOUT: 504,
  CACHE_LOAD_TIMEOUT: 504,
  DATABASE_CLOSED: 503,
  JOBS_CLOSED: 503,
  CLIENT_DISCONNECTED: 499,
  IDEMPOTENCY_KEY: 400,
  IDEMPOTENCY_IN_PROGRESS: 409,
  IDEMPOTENCY_CONFLICT: 422,
};

/** What servers call a transaction that they have rolled back, and which may go well the next time. */
const repeatable = new Set(['40001', '40P01', 'ER_LOCK_DEADLOCK', 'ER_CHECKREAD']);

/**
 * The HTTP status for an error: 503 for what may succeed later (`retryable`, a serialization failure or deadlock, a database
 * that closes), 504 for a deadline or timeout, 401 for a context that is not to be trusted and 400 for one that is none, 499 for
 * a client that has gone, that of an error which brings its own in `status` or `statusCode`, and 500 for all others.
 */
export function httpStatusOf(error: unknown): number {
  const found = tellingError(error);
  if (found !== undefined) return statusOfOurs(found);
  const own = ownStatusOf(error);
  if (own !== undefined) return own;
  return isRepeatable(error) ? 503 : 500;
}

/**
 * The error of Sluice that says what a client is told. Of a statement that came too late that is what ended its transaction: a
 * client that has gone, a deadline.
 */
function tellingError(error: unknown): SluiceError | undefined {
  const found = SluiceError.find(error);
  return found?.code === 'TRANSACTION_ENDED' ? (SluiceError.find(found.cause) ?? found) : found;
}

function statusOfOurs(error: SluiceError): number {
  if (error instanceof InvalidContextError) return error.reason === 'untrusted' ? 401 : 400;
  const status = statuses[error.code];
  if (status !== undefined) return status;
  return error.retryable || isRepeatable(error.cause) ? 503 : 500;
}

/** The status that an error brings itself, as those of `http-errors` do; none for what is an error of Sluice. */
export function ownStatusOf(error: unknown): number | undefined {
  if (SluiceError.find(error) !== undefined) return undefined;
  for (const name of ['status', 'statusCode']) {
    const value = typeof error === 'object' && error !== null ? fieldOf(error, name) : undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 400 && value <= 599) return value;
  }
  return undefined;
}

/** Libraries put the server's error into one of theirs. */
function isRepeatable(error: unknown): boolean {
  let at = error;
  for (let depth = 0; depth < 10 && typeof at === 'object' && at !== null; depth += 1) {
    if (repeatable.has(String(fieldOf(at, 'code')))) return true;
    at = fieldOf(at, 'cause') ?? fieldOf(at, 'driverError');
  }
  return false;
}

/**
 * What to answer for an error.
 *
 * ```ts
 * const { status, headers, body } = problemOf(new Error('no such table: product'));
 * console.log(status, headers, body); // 500, and a body that says no more than that
 * ```
 * @param request the request of Node.js, or whether it has not come whole: then a 504 is a 408, and its connection is closed
 */
export function problemOf(error: unknown, request: NodeRequest | boolean = false): Problem {
  const { isUploading, isHttp2 } =
    typeof request === 'boolean' ? { isUploading: request, isHttp2: false } : lookAt(request);
  const found = httpStatusOf(error);
  const status = found === 504 && isUploading ? 408 : found;
  const code = tellingError(error)?.code ?? (isRepeatable(error) ? 'SERIALIZATION_FAILURE' : 'INTERNAL_ERROR');
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      ...(status === 503 || code === 'IDEMPOTENCY_IN_PROGRESS' ? { 'retry-after': '1' } : {}),
      // What is still on its way would be taken for the next request. HTTP/2 knows one from the other.
      ...(isUploading && !isHttp2 ? { connection: 'close' } : {}),
    },
    body: { title: STATUS_CODES[status] ?? 'Client Closed Request', status, code },
  };
}

function lookAt({ complete, stream }: NodeRequest): { readonly isUploading: boolean; readonly isHttp2: boolean } {
  const { state }: { readonly state?: { readonly remoteClose?: number } } = stream ?? {};
  const hasEnded = state?.remoteClose === 1;
  return { isUploading: complete === false && !hasEnded, isHttp2: stream !== undefined };
}
