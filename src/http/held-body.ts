import { Readable } from 'node:stream';
import { notHeld } from './errors.ts';

/** A body that comes piece by piece: a stream of Node.js, or of the web. */
export type StreamedBody = NodeJS.ReadableStream | ReadableStream;

/**
 * Reads the body of a Fetch `Response` to its end, where it is called: in the transaction that is ambient there.
 * @param limit the most bytes that it may have
 * @param signal ends the body when it is aborted, as for a transaction that is over
 * @throws ResponseNotHeldError for a longer one, or one that has no end; what reading it throws
 */
export async function holdBody(response: Response, limit: number, signal?: AbortSignal): Promise<Response> {
  const { body, status, statusText, headers } = response;
  if (body === null) return response;
  if (isEndless(headers.get('content-type'))) {
    await body.cancel();
    throw endless();
  }
  const held = new Held(limit);
  const reader = body.getReader();
  // What it comes to is not waited for.
  signal?.addEventListener('abort', () => void reader.cancel(signal.reason).catch(() => {}), { once: true });
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (held.add(value)) continue;
    await reader.cancel();
    throw held.tooLarge();
  }
  return new Response(held.bytes(), { status, statusText, headers });
}

/**
 * Reads a stream to its end, where it is called: in the transaction that is ambient there. One that is destroyed on the way is an
 * error.
 * @param limit the most bytes that it may have
 * @param contentType what the answer says of it
 * @throws ResponseNotHeldError for a longer one, or one that has no end; what reading it throws
 */
export async function holdStream(source: Readable, limit: number, contentType?: unknown): Promise<Buffer<ArrayBuffer>> {
  if (isEndless(contentType)) {
    source.destroy();
    throw endless();
  }
  const held = new Held(limit);
  // A stream that is left is destroyed.
  for await (const chunk of source) if (!held.add(bytesOf(chunk))) throw held.tooLarge();
  return held.bytes();
}

/** Any stream as one of Node.js. */
export function readableOf(source: StreamedBody): Readable {
  if (source instanceof Readable) return source;
  if ('getReader' in source) return Readable.fromWeb(source as Parameters<typeof Readable.fromWeb>[0]);
  // One of before Node.js 4.
  return new Readable().wrap(source);
}

/** What was read of a body. */
class Held {
  readonly #limit: number;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether there is room for it. One that comes in one piece was in memory before. */
  add(chunk: Uint8Array): boolean {
    this.#size += chunk.byteLength;
    if (this.#size > this.#limit && this.#chunks.length > 0) return false;
    this.#chunks.push(chunk);
    return true;
  }

  tooLarge(): Error {
    return notHeld(`it is larger than ${this.#limit} bytes`);
  }

  bytes(): Buffer<ArrayBuffer> {
    return Buffer.concat(this.#chunks);
  }
}

function isEndless(contentType: unknown): boolean {
  return String(contentType).startsWith('text/event-stream');
}

function endless(): Error {
  return notHeld('it is a stream of events, which has no end');
}

function bytesOf(chunk: unknown): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(chunk);
  if (chunk instanceof Uint8Array) return chunk;
  throw new TypeError('A stream that is an answer has pieces that are neither texts nor bytes');
}
