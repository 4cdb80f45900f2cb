import type { IncomingMessage, ServerResponse } from 'node:http';
import { isGone } from './disconnect.ts';
import { notHeld } from './errors.ts';
import { type KeptAnswer, keptHeaders, replayedHeader } from './kept-answer.ts';

/** The methods of a response that send something; each is taken over while it is held. */
const methods = ['writeHead', 'write', 'end', 'flushHeaders'] as const;
type Method = (typeof methods)[number];
/**
 * What a handler asks a response for so as not to answer twice: true as soon as it has answered. Not `finished`: Node.js takes a
 * connection with a finished answer for idle.
 */
const marks = ['headersSent', 'writableEnded'] as const;
type Sent = { readonly method: Method; readonly args: readonly unknown[] };
type Send = (...args: unknown[]) => unknown;

/** Headers that a framework has set before a handler. */
export type HeadersBefore = Readonly<Record<string, number | string | readonly string[] | undefined>>;

/** What a response says before its body. */
interface Head {
  readonly status: number;
  readonly message: string;
  readonly headers: Readonly<Record<string, number | string | readonly string[] | undefined>>;
}

/** Who waits for what a response tells only once it was sent. */
const awaited = new Set<string | symbol>(['finish', 'close', 'prefinish']);

/**
 * Keeps back what a handler sends until the commit is known: then it goes out as it was sent, or is forgotten as if nothing had
 * been sent, and another answer can be given.
 */
export class HeldResponse {
  /** Resolves when the answer has ended, as far as the handler is concerned. */
  readonly ended: Promise<void>;
  /** Rejects with a `ResponseNotHeldError` for an answer that cannot be held. */
  readonly failure: Promise<never>;
  /** Resolves when the answer has ended and the handler waits for it to go out, as `pipeline()` does. */
  readonly isAwaited: Promise<void>;
  readonly #response: ServerResponse;
  readonly #limit: number;
  readonly #own = new Map<string, PropertyDescriptor | undefined>();
  readonly #before: Head;
  readonly #sources = new Set<{ destroy?: () => unknown }>();
  readonly #onEnded = Promise.withResolvers<void>();
  readonly #onAwaited = Promise.withResolvers<void>();
  readonly #onFailure = Promise.withResolvers<never>();
  #sent: Sent[] = [];
  #size = 0;
  #head: Head | undefined;
  #hasListener = false;
  #hasFailed = false;

  /** @param limit the most bytes of an answer that is written piece by piece */
  constructor(response: ServerResponse, limit: number) {
    this.#response = response;
    this.#limit = limit;
    this.#before = headOf(response);
    this.ended = this.#onEnded.promise;
    this.isAwaited = this.#onAwaited.promise;
    this.failure = this.#onFailure.promise;
    // It may come when the handler has ended.
    this.failure.catch(() => {});
    for (const method of methods) {
      const value: Send = (...args) => this.#take(method, args);
      this.#define(method, { value, writable: true });
    }
    for (const mark of marks) this.#define(mark, { get: () => this.hasEnded });
    response.on('newListener', this.#onListener);
    response.on('pipe', this.#onPipe);
  }

  /** Whether the answer has ended. */
  get hasEnded(): boolean {
    return this.#head !== undefined;
  }

  /** The status that the answer has. */
  get status(): number {
    return this.#head?.status ?? this.#response.statusCode;
  }

  /**
   * The answer, for one who has to have it again.
   * @param before headers that the framework has set before the handler, which it gives to the response with the answer
   */
  answer(before: HeadersBefore = {}): KeptAnswer {
    const { status, headers } = this.#head ?? headOf(this.#response);
    const chunks = this.#sent.map(({ args: [chunk, encoding] }) => bytesOf(chunk, encoding));
    return {
      status,
      headers: keptHeaders(Object.entries(headers), { ...this.#before.headers, ...before }),
      body: Buffer.concat(chunks),
    };
  }

  /** Lets the answer go out, and whatever comes from now on. */
  release(): void {
    this.#restore();
    const sent = this.#sent;
    this.#sent = [];
    // It may have left after the commit.
    if (isGone(this.#response)) return;
    if (this.#head !== undefined) setHead(this.#response, this.#head);
    for (const { method, args } of sent) (this.#response[method] as Send)(...args);
  }

  /** Forgets the answer with its status and headers. */
  discard(): void {
    this.#restore();
    setHead(this.#response, this.#before);
    this.#sent = [];
    // Whatever still feeds it would go into the next answer.
    const { size } = this.#sources;
    if (size === 0) return;
    for (const source of this.#sources) (source as { unpipe?: (to: unknown) => unknown }).unpipe?.(this.#response);
    this.#response.once('close', () => {
      for (const source of this.#sources) source.destroy?.();
    });
  }

  /** Notes what a handler reads for its answer, which is ended if the answer is forgotten. */
  isFedBy(source: { destroy?: () => unknown }): void {
    this.#sources.add(source);
  }

  #define(name: string, descriptor: PropertyDescriptor): void {
    this.#own.set(name, Object.getOwnPropertyDescriptor(this.#response, name));
    Object.defineProperty(this.#response, name, { ...descriptor, configurable: true, enumerable: true });
  }

  #restore(): void {
    this.#response.off('newListener', this.#onListener);
    this.#response.off('pipe', this.#onPipe);
    for (const [name, own] of this.#own) {
      if (own === undefined) Reflect.deleteProperty(this.#response, name);
      else Object.defineProperty(this.#response, name, own);
    }
  }

  readonly #onListener = (event: string | symbol): void => {
    if (!awaited.has(event)) return;
    this.#hasListener = true;
    if (this.hasEnded) this.#onAwaited.resolve();
  };

  readonly #onPipe = (source: IncomingMessage): void => {
    this.isFedBy(source);
  };

  /** What the handler gets for an answer that it sends. */
  #take(method: Method, args: readonly unknown[]): unknown {
    const response = this.#response;
    if (this.#hasFailed) return method === 'write' ? false : response;
    if (this.#head !== undefined) return this.#takeAfterEnd(method, args);
    if (method === 'flushHeaders') return this.#fail('it was told to go out at once (flushHeaders)');
    if (method === 'writeHead') applyHead(response, args);
    if (String(response.getHeader('content-type')).startsWith('text/event-stream')) {
      this.#fail('it is a stream of events, which has no end');
      return method === 'write' ? false : response;
    }
    if (method === 'write') {
      this.#size += sizeOf(args[0]);
      if (this.#size > this.#limit) return this.#fail(`it is larger than ${this.#limit} bytes`) ?? false;
    }
    // What it set is among the headers now.
    if (method !== 'writeHead') this.#sent.push({ method, args });
    if (method === 'write') return true;
    if (method !== 'end') return response;
    this.#head = headOf(response);
    this.#onEnded.resolve();
    if (this.#hasListener || args.some((each) => typeof each === 'function')) this.#onAwaited.resolve();
    return response;
  }

  /** A second answer is a mistake, as it is for Node.js; but to end twice is none. */
  #takeAfterEnd(method: Method, args: readonly unknown[]): unknown {
    if (method === 'end' && (args.length === 0 || args[0] === undefined || args[0] === null)) return this.#response;
    throw Object.assign(new Error(`Cannot call ${method}() after the answer has ended`), {
      code: 'ERR_HTTP_HEADERS_SENT',
    });
  }

  /** It may be written by a stream, which would not catch what is thrown. */
  #fail(what: string): undefined {
    this.#hasFailed = true;
    this.#sent = [];
    this.#onFailure.reject(notHeld(what));
  }
}

function headOf(response: ServerResponse): Head {
  const message = isHttp2(response) ? '' : response.statusMessage;
  return { status: response.statusCode, message, headers: copyHeaders(response.getHeaders()) };
}

/** Headers with lists of their own: Node.js and Fastify add a value to the list that a header has, which who asks for it gets. */
export function copyHeaders<Headers extends Readonly<Record<string, unknown>>>(headers: Headers): Headers {
  const copies = Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? [...value] : value]);
  // A header may be called as a member of any object is.
  return Object.assign(Object.create(null), Object.fromEntries(copies)) as Headers;
}

/** That of HTTP/2 has no status message, and warns where one is read or set. */
function isHttp2(response: ServerResponse): boolean {
  return 'stream' in response;
}

function setHead(response: ServerResponse, { status, message, headers }: Head): void {
  if (response.headersSent || isGone(response)) return;
  for (const name of response.getHeaderNames()) if (headers[name] === undefined) response.removeHeader(name);
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value);
  response.statusCode = status;
  if (!isHttp2(response)) response.statusMessage = message;
}

/** Does what `writeHead` says, without sending it: `(status, message?, headers?)`. */
function applyHead(response: ServerResponse, [status, ...rest]: readonly unknown[]): void {
  response.statusCode = Number(status);
  const [message] = rest;
  if (typeof message === 'string' && !isHttp2(response)) response.statusMessage = message;
  const headers = typeof message === 'string' ? rest[1] : (rest[1] ?? message);
  if (Array.isArray(headers)) applyList(response, headers);
  else if (typeof headers === 'object' && headers !== null)
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value);
}

/** Names and values in turn, or pairs of them. */
function applyList(response: ServerResponse, list: readonly unknown[]): void {
  const flat = list.flat(1);
  for (let at = 0; at + 1 < flat.length; at += 2) {
    const [name, value] = [String(flat[at]), flat[at + 1]];
    const isRepeated = flat.slice(0, at).some((each, place) => place % 2 === 0 && String(each) === name);
    if (isRepeated) response.appendHeader(name, String(value));
    else response.setHeader(name, value as string);
  }
}

function sizeOf(chunk: unknown): number {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk);
  return chunk instanceof Uint8Array ? chunk.byteLength : 0;
}

/** What Node.js sends for the arguments of `write` and `end`. */
function bytesOf(chunk: unknown, encoding: unknown): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  if (typeof chunk !== 'string') return Buffer.alloc(0);
  return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
}

/**
 * Sends the answer of an earlier request.
 * @param before headers that the framework has set for this one
 */
export function sendKept(
  response: ServerResponse,
  { status, headers, body }: KeptAnswer,
  before: HeadersBefore = {},
): void {
  if (isGone(response)) return;
  for (const [name, value] of Object.entries({ ...before, ...headers, [replayedHeader]: 'true' }))
    if (value !== undefined) response.setHeader(name, value);
  response.statusCode = status;
  // Node.js adds none where one was taken back.
  if (body.length > 0) response.setHeader('content-length', body.length);
  response.end(body);
}
