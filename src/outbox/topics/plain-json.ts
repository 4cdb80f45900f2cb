import { hasPrototypeKey } from '../../payload/index.ts';

const suspicious = /__proto__|constructor|\\u/i;

/** Why a text is no JSON that may be used. It never has a part of it. */
export class UnusableJson extends Error {
  override readonly name = 'UnusableJson';
}

/**
 * Reads JSON from outside. What would change the prototype of an object that it is copied into is refused.
 * @throws UnusableJson, which says nothing of what is in it
 */
export function parsePlainJson(body: Uint8Array): unknown {
  const text = decode(body);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The message of a SyntaxError has a part of the text.
    throw new UnusableJson('its payload is no JSON');
  }
  if (suspicious.test(text) && hasPrototypeKeyWithin(value)) {
    throw new UnusableJson('its payload has a property "__proto__" or "constructor.prototype"');
  }
  return value;
}

function decode(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw new UnusableJson('its payload is no UTF-8');
  }
}

function hasPrototypeKeyWithin(value: unknown): boolean {
  const open: unknown[] = [value];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (typeof next !== 'object' || next === null) continue;
    if (hasPrototypeKey(next)) return true;
    for (const part of Object.values(next)) open.push(part);
  }
  return false;
}
