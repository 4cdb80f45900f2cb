import { InvalidOptionError, label, typeName } from '../core/index.ts';
import { type HeaderCarrier, readHeaders } from '../envelope/index.ts';
import { hashOf, idOf, longestKey, noKey } from '../idempotency/index.ts';
import type { IdempotencySettings } from './idempotency-options.ts';
import type { KeptAnswer } from './kept-answer.ts';

/** A request, as an idempotent route looks at it. */
export interface RouteRequest {
  /** As the framework has it, for `scope` and `fingerprint` of the route. */
  readonly request: unknown;
  /** Its headers. */
  readonly headers: HeaderCarrier;
  /** Such as `POST`. */
  readonly method: string;
  /** The pattern of its route. */
  readonly route: string;
  /** Its path and query. */
  readonly url: string;
  /** Its body as it was parsed. */
  body(): unknown;
}

/** What an idempotent route needs besides its handler. */
export interface KeptRoute<Value> {
  /** The request. */
  readonly received: RouteRequest;
  /** What is kept of an answer. */
  keep(value: Value): KeptAnswer | Promise<KeptAnswer>;
  /** Gives the answer of an earlier request, when the transaction is over. */
  replay(answer: KeptAnswer): Value | Promise<Value>;
}

/** What names a request with a key. */
export interface NamedRequest {
  readonly id: string;
  readonly scope: string;
  readonly fingerprint: string;
}

const header = 'idempotency-key';
/** Visible ASCII; a comma would be two headers that were joined. */
const plainKey = /^[!#-+\--~]+$/;
/** A string as in RFC 9651, which the draft of the header writes. */
const quotedKey = /^"((?:[ !#-[\]-~]|\\["\\])+)"$/;
const aScope = label(500, 0);

/**
 * Reads what an idempotent route has to know of its request.
 * @returns nothing for a request without a key, where it may lack one
 * @throws IdempotencyKeyError
 */
export async function readRequest(
  { required, scope, fingerprint }: IdempotencySettings,
  received: RouteRequest,
): Promise<NamedRequest | undefined> {
  const { method, route, request } = received;
  const key = readKey(received.headers);
  if (key === undefined) {
    if (!required) return undefined;
    throw noKey(`A request of "${method} ${route}" has no header Idempotency-Key, which the route requires`);
  }
  const besides: unknown = (scope as ((request: unknown) => unknown) | undefined)?.(request) ?? '';
  if (aScope(besides) !== undefined) throw badAnswer('scope', besides, aScope(besides) ?? '');
  const asked: unknown =
    fingerprint === undefined
      ? await defaultFingerprint(received)
      : await (fingerprint as (request: unknown) => unknown)(request);
  if (typeof asked !== 'string' && !(asked instanceof Uint8Array))
    throw badAnswer('fingerprint', asked, 'text or bytes');
  const name = `${method} ${route}`;
  return { id: idOf(JSON.stringify([name, besides]), key), scope: name.slice(0, 500), fingerprint: hashOf(asked) };
}

/** @throws IdempotencyKeyError for one that is none, or came twice */
function readKey(headers: HeaderCarrier): string | undefined {
  const values = readHeaders(headers, header);
  if (values.length === 0 && !isEmpty(headers)) return undefined;
  if (values.length > 1) throw noKey('A request has the header Idempotency-Key twice');
  const value = (values[0] ?? '').trim();
  // Quoted or not, it is the same key.
  const key = plainKey.test(value) ? value : quotedKey.exec(value)?.[1]?.replaceAll(/\\(.)/g, '$1');
  if (key !== undefined && key.length <= longestKey) return key;
  throw noKey(
    `The header Idempotency-Key of a request is ${value === '' ? 'empty' : 'none'}: it has to be 1 to ${longestKey} visible ASCII characters, or such a text in quotes`,
  );
}

/** One that is empty is a mistake of the client, also where it need not give any. */
function isEmpty(headers: HeaderCarrier): boolean {
  const { get, [header]: own } = headers as { readonly get?: unknown; readonly [header]?: unknown };
  return (typeof get === 'function' ? (get.call(headers, header) as unknown) : own) === '';
}

async function defaultFingerprint(received: RouteRequest): Promise<string> {
  const { method, url } = received;
  return JSON.stringify([method, url, hashOf(bytesOf(await received.body()))]);
}

function bytesOf(body: unknown): string | Uint8Array {
  if (typeof body === 'string' || body instanceof Uint8Array) return body;
  return JSON.stringify(body) ?? '';
}

function badAnswer(name: string, value: unknown, expected: string): InvalidOptionError {
  return new InvalidOptionError({
    what: `The function "${name}" of an idempotent route returned ${typeName(value)}`,
    remedy: `Return ${expected}`,
  });
}
