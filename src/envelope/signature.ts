import { createHmac, timingSafeEqual } from 'node:crypto';

/** A keyed digest of a text, in hexadecimal. HMAC-SHA-256, RFC 2104. */
export function sign(text: string, secret: string): string {
  return createHmac('sha256', secret).update(text).digest('hex');
}

/** Whether the signature was made with one of the secrets; takes the same time whichever digits are wrong. */
export function isSignedBy(text: string, signature: string, secrets: readonly string[]): boolean {
  const given = Buffer.from(signature, 'utf8');
  let valid = false;
  for (const secret of secrets) {
    const expected = Buffer.from(sign(text, secret), 'utf8');
    if (expected.length === given.length && timingSafeEqual(expected, given)) valid = true;
  }
  return valid;
}
