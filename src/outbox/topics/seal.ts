import { createHash } from 'node:crypto';
import { isRecord } from '../../core/index.ts';
import { contextHeaders, isSignedBy, sign } from '../../envelope/index.ts';
import { ownHeaders } from './message-headers.ts';

/** What a signature is about: a message, however often it is sent. */
interface Sealed {
  readonly id: string;
  readonly topic: string;
  readonly key: string | undefined;
  readonly body: Uint8Array;
}

/** What travels with a message in addition to its payload. */
export interface SealContent {
  /** The values of `withContext`, but for the trace. */
  readonly context: object;
  /** The program's own. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What was found in the headers of a message: what was signed, or why it is not to be trusted. */
export type Unsealed = { readonly content: SealContent } | { readonly refusal: string };

const version = 1;
/** A context has at most 8 KiB, and 32 headers at most 35 KiB. */
const largestSeal = 65_536;

/** The headers that sign a message: good for this message alone, as often as it is delivered. */
export function seal(
  message: Sealed,
  { context, headers }: SealContent,
  secret: string,
): Readonly<Record<string, string>> {
  const text = Buffer.from(JSON.stringify({ v: version, at: Date.now(), context, headers })).toString('base64url');
  return {
    [contextHeaders.context]: text,
    [contextHeaders.signature]: sign(signedText(message, text), secret),
  };
}

/** @param maxAge in milliseconds */
export function unseal(
  message: Sealed,
  headers: Readonly<Record<string, string>>,
  { secrets, maxAge }: { readonly secrets: readonly string[]; readonly maxAge: number },
): Unsealed {
  const text = headers[contextHeaders.context];
  const signature = headers[contextHeaders.signature];
  if (text === undefined || signature === undefined) return { refusal: 'it is not signed' };
  if (text.length > largestSeal) return { refusal: 'its context is too large' };
  if (!isSignedBy(signedText(message, text), signature, secrets)) return { refusal: 'its signature is wrong' };
  const content: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  if (!isRecord(content) || content['v'] !== version) return { refusal: 'its version is unknown' };
  const { at, context, headers: own } = content;
  if (!isRecord(context) || !isRecord(own) || typeof at !== 'number') return { refusal: 'its context is incomplete' };
  if (Math.abs(Date.now() - at) > maxAge) return { refusal: 'it was signed too long ago' };
  return { content: { context, headers: ownHeaders(own) } };
}

function signedText({ id, topic, key, body }: Sealed, text: string): string {
  return JSON.stringify([text, id, topic, key ?? null, createHash('sha256').update(body).digest('hex')]);
}
