import { isLostInJson } from '../core/index.ts';
import { PayloadTooLargeError, UnserializableError } from './errors.ts';

/**
 * Makes sure that a value can travel, and returns it as it arrives on the other side (dates as text,
 * `undefined` in objects left out), with its JSON; both `undefined` for `undefined`.
 * @param owner what has the option "maxPayload"
 * @throws UnserializableError, PayloadTooLargeError
 */
export function toJson(
  what: string,
  value: unknown,
  limit: number,
  owner: string,
): { readonly json: string | undefined; readonly value: unknown } {
  if (value === undefined) return { json: undefined, value: undefined };
  if (isLostInJson(value)) throw unserializable(what, undefined);
  let json: string | undefined;
  try {
    json = JSON.stringify(value);
  } catch (cause) {
    throw unserializable(what, cause);
  }
  if (json === undefined) throw unserializable(what, undefined);
  const size = Buffer.byteLength(json);
  if (size > limit) {
    throw new PayloadTooLargeError({
      what: `${what} has ${size} bytes of JSON, more than the ${limit} allowed`,
      remedy: `Send a reference (an id, a key of a file) instead of the data itself, or raise maxPayload of ${owner}`,
    });
  }
  return { json, value: JSON.parse(json) as unknown };
}

/** JSON.stringify says what is wrong, and where, without saying any value. */
function unserializable(what: string, cause: unknown): UnserializableError {
  return new UnserializableError({
    what: `${what} cannot be written as JSON`,
    remedy:
      'Send plain objects, arrays, text, numbers and booleans: no cycles, BigInts, functions, symbols, promises, generators, streams, Maps or Sets',
    cause,
  });
}
