import { noAnswer } from '../idempotency/index.ts';

/** A header of an answer: one that comes several times is a list. */
type HeaderValue = string | readonly string[];

/** An answer as it is kept for requests that come again. */
export interface KeptAnswer {
  /** Its status. */
  readonly status: number;
  /** By their names in lower case. */
  readonly headers: Readonly<Record<string, HeaderValue>>;
  /** Its bytes. */
  readonly body: Buffer<ArrayBuffer>;
}

/** The header that tells a client that it has the answer of an earlier request. */
export const replayedHeader = 'idempotency-replayed';

/** Of the connection, or made anew for each answer. A cookie is for the client that got it first. */
const notKept = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'proxy-authenticate',
  'proxy-connection',
  'set-cookie',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  replayedHeader,
]);

/** The headers of an answer that are kept. @param before what was set before the handler, which is set for each request */
export function keptHeaders(
  headers: Iterable<readonly [name: string, value: unknown]>,
  before: Readonly<Record<string, unknown>> = {},
): KeptAnswer['headers'] {
  const kept: Record<string, HeaderValue> = {};
  for (const [given, value] of headers) {
    const name = given.toLowerCase();
    if (value === undefined || notKept.has(name) || textOf(before[name]) === textOf(value)) continue;
    kept[name] = Array.isArray(value) ? value.map(textOf) : textOf(value);
  }
  return kept;
}

/** Headers are texts, numbers, or lists of them. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : [value].flat().join();
}

/** As text for the table. @param limit the most bytes of its body @throws IdempotencyAnswerError */
export function writeAnswer({ status, headers, body }: KeptAnswer, limit: number): string {
  if (body.length > limit)
    throw noAnswer(`The answer of an idempotent route has ${body.length} bytes, more than the ${limit} allowed`);
  // Headers may have any character; in base64 no charset of a connection can change one.
  return JSON.stringify({ status, headers: toBase64(Buffer.from(JSON.stringify(headers))), body: toBase64(body) });
}

/** From the text of the table. */
export function readAnswer(text: string): KeptAnswer {
  const { status, headers, body } = JSON.parse(text) as Record<'headers' | 'body', string> & { status: number };
  return {
    status,
    headers: JSON.parse(Buffer.from(headers, 'base64').toString()) as KeptAnswer['headers'],
    body: Buffer.from(body, 'base64'),
  };
}

function toBase64(bytes: Buffer): string {
  return bytes.toString('base64');
}
