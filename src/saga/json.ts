import { toJson } from '../payload/index.ts';

/** What is stored of a value; `null` for `undefined`. @throws UnserializableError, PayloadTooLargeError */
export function stored(what: string, value: unknown, limit: number): string | null {
  return toJson(what, value, limit, 'createSagas').json ?? null;
}

/** A value as it arrives after it was stored. */
export function fromJson(json: string | null): unknown {
  return json === null ? undefined : JSON.parse(json);
}
