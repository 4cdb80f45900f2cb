import { randomUUID } from 'node:crypto';
import { runInTrace } from '../channels/index.ts';
import {
  type ChainContext,
  contextChecks,
  frameOfCall,
  type Frame,
  largestContext,
  levelBeside,
  runInFrame,
} from '../context/index.ts';
import {
  aBoolean,
  type Check,
  checkBody,
  isThenable,
  listOf,
  label,
  readOptions,
  systemClock,
  milliseconds,
} from '../core/index.ts';
import { decodeContext, encodeContext, type ReceivedContext } from './context.ts';
import { type InvalidContextError, invalidContext } from './errors.ts';
import { checkCarrier, type HeaderCarrier, readHeader, writeHeader } from './headers.ts';
import { ReplayGuard } from './replay-guard.ts';
import { isSignedBy, sign } from './signature.ts';

/** Options of `createContextCarrier`. */
export interface ContextCarrierOptions {
  /**
   * Shared by the processes that trust each other; of several the first signs and all are accepted, so that
   * it can be changed. At least 16 characters. Without one, only trace and deadline are passed on and taken.
   */
  readonly secret?: string | readonly string[] | undefined;
  /** How old a signed header may be, in milliseconds. Default 300,000. */
  readonly maxAge?: number | undefined;
}

/** Options of `injectContext`. */
export interface InjectOptions {
  /** Whether the caller waits for an answer while its transactions stay open. Default true. */
  readonly awaited?: boolean | undefined;
}

/** Carries the ambient context over any transport that has headers. */
export interface ContextCarrier {
  /**
   * Writes the context into the headers and returns them. A header is good for one call: it cannot be sent twice.
   *
   * ```ts
   * await fetch('http://stock.internal/reserve', { method: 'POST', headers: carrier.injectContext(new Headers()) });
   * ```
   * @throws InvalidOptionError for what has no headers, or headers that cannot be changed
   */
  readonly injectContext: <Carrier extends HeaderCarrier>(headers: Carrier, options?: InjectOptions) => Carrier;
  /**
   * Runs `body` at once in the context of the headers, and in nothing of what is ambient here. Whatever goes wrong is a
   * rejection, so that a callback of a transport has one place to handle it. When the promise of `body` has settled,
   * work that it has left running is not waited for; a body that returns no promise, as the `next()` of a middleware, goes on.
   *
   * ```ts
   * import { createServer } from 'node:http';
   * const server = createServer((request, response) => {
   *   carrier.runWithContext(request.headers, () => checkout(id)).then(
   *     () => response.end(),
   *     () => response.writeHead(500).end(),
   *   );
   * });
   * ```
   * @throws InvalidContextError for a wrong signature, a replay, or values that cannot be; DeadlineExceededError;
   * InvalidOptionError
   */
  readonly runWithContext: <Result>(
    headers: HeaderCarrier,
    body: () => Result | PromiseLike<Result>,
  ) => Promise<Result>;
}

/** What a context carrier needs of the database. */
export interface ContextCarrierTarget {
  readonly maxLevel: number;
  /** Makes the root frame of a chain that came from outside. */
  enter(received: ReceivedContext): Frame;
}

/** The headers that it writes. */
export const contextHeaders = {
  context: 'sluice-context',
  signature: 'sluice-signature',
  timeout: 'sluice-timeout',
} as const;
const version = 1;
/** How many signed headers are remembered, so that none is taken twice. */
const mostRemembered = 100_000;

interface SignedBody {
  readonly v: number;
  readonly at: number;
  readonly nonce: string;
  readonly context: unknown;
}

const aSecret: Check = (value) =>
  typeof value === 'string' && value.length >= 16 ? undefined : 'text of at least 16 characters';
const someSecrets = listOf(aSecret, 100, 'text of at least 16 characters, or a list', 1);
/** The checks of the options. */
export const contextCarrierChecks: Record<keyof ContextCarrierOptions, Check> = {
  secret: Object.assign((value: unknown) => (aSecret(value) === undefined ? undefined : someSecrets(value)), {
    read: someSecrets.read,
  }),
  maxAge: milliseconds(1),
};
const injectChecks: Record<keyof InjectOptions, Check> = { awaited: aBoolean };

/** @param options as they were read */
export function createContextCarrierFor(target: ContextCarrierTarget, options: ContextCarrierOptions): ContextCarrier {
  const { secret: given, maxAge = 300_000 } = options;
  const secrets = given === undefined ? [] : typeof given === 'string' ? [given] : given;
  const seen = new ReplayGuard(maxAge * 2, mostRemembered);

  const received = (headers: HeaderCarrier): ReceivedContext => {
    const body = readHeader(headers, contextHeaders.context);
    const signature = readHeader(headers, contextHeaders.signature);
    const untrusted = untrustedPart(headers);
    if (body === undefined || signature === undefined || secrets.length === 0) return untrusted;
    if (body.length > largestContext * 2) throw invalidContext(`it is larger than ${largestContext} bytes`);
    if (!isSignedBy(body, signature, secrets)) throw notTrusted('its signature is wrong');
    const { at, nonce, context } = readBody(body);
    const age = Date.now() - at;
    if (Math.abs(age) > maxAge) {
      throw notTrusted(`it was signed ${Math.round(age / 1000)} s ago by the clock of this machine`);
    }
    if (!seen.add(nonce, systemClock.now())) throw notTrusted('it came before (a replay)');
    const trusted = decodeContext(context, target.maxLevel);
    return { ...trusted, ...untrusted, level: trusted.level, chain: { ...trusted.chain, ...untrusted.chain } };
  };

  return {
    injectContext(headers, injectOptions = {}) {
      checkCarrier('injectContext', headers);
      const frame = frameOfCall();
      const read = readOptions('injectContext', injectOptions, injectChecks);
      const awaited = read.awaited === false ? undefined : { level: levelBeside(frame) };
      // Which client is current is a matter of the process: another service may have other ones.
      const {
        traceparent,
        tracestate,
        timeout,
        clientName: _,
        ...context
      } = encodeContext(frame, systemClock, awaited);
      if (traceparent !== undefined) writeHeader(headers, 'traceparent', traceparent);
      if (tracestate !== undefined) writeHeader(headers, 'tracestate', tracestate);
      if (timeout !== undefined) writeHeader(headers, contextHeaders.timeout, String(timeout));
      const [secret] = secrets;
      if (secret === undefined) return headers;
      const signed: SignedBody = { v: version, at: Date.now(), nonce: randomUUID(), context };
      const body = Buffer.from(JSON.stringify(signed)).toString('base64url');
      writeHeader(headers, contextHeaders.context, body);
      writeHeader(headers, contextHeaders.signature, sign(body, secret));
      return headers;
    },
    async runWithContext(headers, body) {
      checkBody('runWithContext', body);
      checkCarrier('runWithContext', headers);
      const frame = target.enter(received(headers));
      return await runInTrace(frame.chain, { ifNone: true }, () =>
        runInFrame(frame, runEntered<ReturnType<typeof body>>, { frame, body }),
      );
    },
  };
}

/** Awaits the body in its frame: a thenable starts to work when it is awaited. */
async function runEntered<Result>({ frame, body }: { frame: Frame; body: () => Result }): Promise<Awaited<Result>> {
  const result = body();
  if (!isThenable(result)) return result as Awaited<Result>;
  try {
    return await result;
  } finally {
    frame.baseLevel?.end();
  }
}

function notTrusted(what: string): InvalidContextError {
  return invalidContext(what, undefined, 'untrusted');
}

/** What anybody may say: the trace, and how long the answer is waited for. */
function untrustedPart(headers: HeaderCarrier): ReceivedContext {
  const traceparent = readHeader(headers, 'traceparent');
  const tracestate = readHeader(headers, 'tracestate');
  const given = readHeader(headers, contextHeaders.timeout) ?? '';
  const timeout = /^\d{1,10}$/.test(given) ? Number(given) : Number.NaN;
  // A trace that is not one is left out, as W3C Trace Context asks.
  const traced = traceparent !== undefined && contextChecks.traceparent(traceparent) === undefined;
  const stated = traced && tracestate !== undefined && contextChecks.tracestate(tracestate) === undefined;
  const chain: ChainContext = { ...(traced ? { traceparent } : {}), ...(stated ? { tracestate } : {}) };
  const timed = milliseconds(0)(timeout) === undefined;
  return { level: 0, clientName: undefined, timeout: timed ? timeout : undefined, chain };
}

function readBody(body: string): SignedBody {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'));
  } catch (cause) {
    throw invalidContext('it is no JSON', cause);
  }
  const { v, at, nonce, context } = (value ?? {}) as Partial<Record<keyof SignedBody, unknown>>;
  if (v !== version) throw invalidContext('its version is unknown');
  if (typeof at !== 'number' || label(64)(nonce) !== undefined) throw invalidContext('it has no time or number');
  return { v, at, nonce: nonce as string, context };
}
