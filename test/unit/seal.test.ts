import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { contextHeaders, sign } from '../../src/envelope/index.ts';
import { seal, type SealContent, unseal } from '../../src/outbox/topics/seal.ts';

const secret = 'a secret of all services';
const trust = { secrets: [secret], maxAge: 60_000 };
const message = { id: 'message 1', topic: 'orders', key: 'customer 1', body: Buffer.from('{"n":1}') };
const forged = { v: 9, at: 0, id: 'message 2', topic: 'refunds', key: 'customer 2', body: '{}' };
const content: SealContent = { context: { tenant: 'acme' }, headers: { source: 'shop' } };
type Headers = Readonly<Record<string, string>>;

const textOf = (headers: Headers): Record<string, unknown> =>
  JSON.parse(Buffer.from(headers[contextHeaders.context] ?? '', 'base64url').toString('utf8')) as Record<
    string,
    unknown
  >;

/** What someone with the secret signs for the message. */
function signed(value: unknown): Headers {
  const text = Buffer.from(JSON.stringify(value)).toString('base64url');
  const { id, topic, key } = message;
  const hash = createHash('sha256').update(message.body).digest('hex');
  return {
    [contextHeaders.context]: text,
    [contextHeaders.signature]: sign(JSON.stringify([text, id, topic, key, hash]), secret),
  };
}

describe('the seal of a message', () => {
  it('gives back what was sealed, for its message alone', () => {
    const headers = seal(message, content, secret);
    expect(unseal(message, headers, trust)).toEqual({ content });
    for (const change of [{ id: 'message 2' }, { topic: 'refunds' }, { key: 'customer 2' }, { key: undefined }]) {
      expect(unseal({ ...message, ...change }, headers, trust)).toEqual({ refusal: 'its signature is wrong' });
    }
    expect(unseal({ ...message, body: Buffer.from('{"n":2}') }, headers, trust)).toEqual({
      refusal: 'its signature is wrong',
    });
  });

  it('is made with fields of its own, whatever its content has under their names', () => {
    const before = Date.now();
    const headers = seal(message, { ...content, ...forged }, secret);
    const text = textOf(headers);
    expect(Object.keys(text).toSorted()).toEqual(['at', 'context', 'headers', 'v']);
    expect(text).toMatchObject({ v: 1, ...content });
    expect(text['at']).toBeGreaterThanOrEqual(before);
    expect(unseal(message, headers, trust)).toEqual({ content });
    expect(unseal({ ...message, id: forged.id, topic: forged.topic, key: forged.key }, headers, trust)).toEqual({
      refusal: 'its signature is wrong',
    });
  });

  it('keeps what context and headers have under the names of its own fields apart from these', () => {
    const named = { at: '0', id: 'message 2', topic: 'refunds', key: 'customer 2', v: '9' };
    const both = { context: named, headers: named };
    const headers = seal(message, both, secret);
    expect(unseal(message, headers, trust)).toEqual({ content: both });
    const late = { ...trust, maxAge: -1 };
    expect(unseal(message, headers, late)).toEqual({ refusal: 'it was signed too long ago' });
  });

  it('believes none of its text about the message, its age or its version', () => {
    const at = Date.now();
    expect(unseal(message, signed({ ...forged, v: 1, at, ...content }), trust)).toEqual({ content });
    const inside = { context: { ...content.context, at }, headers: { ...content.headers, at: String(at) } };
    expect(unseal(message, signed({ v: 1, at: at - 61_000, ...inside }), trust)).toEqual({
      refusal: 'it was signed too long ago',
    });
    expect(unseal(message, signed({ v: 1, ...inside }), trust)).toEqual({ refusal: 'its context is incomplete' });
    expect(unseal(message, signed({ v: 2, at, ...content }), trust)).toEqual({ refusal: 'its version is unknown' });
  });

  it('takes no header of Sluice, a broker or a trace out of its text', () => {
    const own = { source: 'shop', 'sluice-id': 'message 2', 'nats-msg-id': 'x', 'x-death': 'x', traceparent: '00-1' };
    expect(unseal(message, signed({ v: 1, at: Date.now(), context: {}, headers: own }), trust)).toEqual({
      content: { context: {}, headers: { source: 'shop' } },
    });
  });
});
