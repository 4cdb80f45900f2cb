import { InvalidOptionError, typeName } from '../core/index.ts';

/** Headers of a request or message: a web `Headers`, the headers of NATS, or a plain object such as `request.headers`. */
export type HeaderCarrier = HeaderMap | Record<string, unknown>;

interface HeaderMap {
  /** Returns the header's value; null or undefined without one. */
  get(name: string): string | null | undefined;
  /** Sets the header, in place of an earlier value. */
  set(name: string, value: string): unknown;
}

/** @throws InvalidOptionError for what has no headers */
export function checkCarrier(owner: string, headers: unknown): void {
  if (typeof headers === 'object' && headers !== null) return;
  throw new InvalidOptionError({
    what: `${owner} got ${typeName(headers)} for headers`,
    remedy: 'Give a Headers, the headers of NATS, or an object of names and values',
  });
}

export function readHeader(headers: HeaderCarrier, name: string): string | undefined {
  return readHeaders(headers, name)[0];
}

/** All values of a header: more than one where it came several times and they were not joined. */
export function readHeaders(headers: HeaderCarrier, name: string): readonly string[] {
  const value = isMap(headers) ? headers.get(name) : ownHeader(headers, name);
  return (Array.isArray(value) ? value : [value]).flatMap((each: unknown) => {
    const text = each instanceof Uint8Array ? new TextDecoder().decode(each) : each;
    return typeof text === 'string' && text !== '' ? [text] : [];
  });
}

/** @throws InvalidOptionError where they take no more: a frozen object, or the `Headers` of what has come in */
export function writeHeader(headers: HeaderCarrier, name: string, value: string): void {
  try {
    if (isMap(headers)) headers.set(name, value);
    else headers[name] = value;
  } catch (cause) {
    throw new InvalidOptionError({
      what: `The header "${name}" could not be written into what injectContext was given`,
      remedy: 'Give headers that can be changed, such as a copy of these',
      cause,
    });
  }
}

function isMap(headers: HeaderCarrier): headers is HeaderMap {
  return typeof headers['get'] === 'function' && typeof headers['set'] === 'function';
}

/** Header names are the same in any case. */
function ownHeader(headers: Record<string, unknown>, name: string): unknown {
  if (Object.hasOwn(headers, name)) return headers[name];
  const found = Object.keys(headers).find((key) => key.toLowerCase() === name);
  return found === undefined ? undefined : headers[found];
}
