import { PayloadTooLargeError, UnserializableError } from './errors.ts';
import { NoJson, writeJson, type WriteOptions } from './write-json.ts';

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
  options?: WriteOptions,
): { readonly json: string | undefined; readonly value: unknown } {
  const json = jsonOf(what, value, options);
  if (json === undefined) return { json: undefined, value: undefined };
  const size = Buffer.byteLength(json);
  if (size > limit) {
    throw new PayloadTooLargeError({
      what: `${what} has ${size} bytes of JSON, more than the ${limit} allowed`,
      remedy: `Send a reference (an id, a key of a file) instead of the data itself, or raise maxPayload of ${owner}`,
    });
  }
  return { json, value: JSON.parse(json) as unknown };
}

/** The JSON of a value of any size; nothing for `undefined`. @throws UnserializableError */
export function jsonOf(what: string, value: unknown, options?: WriteOptions): string | undefined {
  try {
    const json = writeJson(value, options);
    if (json !== undefined || value === undefined) return json;
  } catch (cause) {
    throw unserializable(what, cause);
  }
  throw unserializable(what, undefined);
}

/** JSON.stringify says of cycles where they are, without saying any value. */
function unserializable(what: string, cause: unknown): UnserializableError {
  return new UnserializableError({
    ...notWritten(what, cause),
    remedy:
      'Send plain objects, arrays, text, finite numbers, booleans and null: await a promise, make a list of a Map, a Set or a stream, text of a BigInt, and of an Error what is needed of it. A member that is undefined is left out; in an array it has to be null',
  });
}

/** What an error says of a value that could not be written. */
export function notWritten(what: string, cause: unknown): { readonly what: string; readonly cause: unknown } {
  const isNamed = cause instanceof NoJson;
  return {
    what: `${what} cannot be written as JSON${isNamed ? `: it has ${cause.message}` : ''}`,
    cause: isNamed ? undefined : cause,
  };
}
