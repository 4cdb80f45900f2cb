import { InvalidOptionError, isRecord } from '../../core/index.ts';

const mostHeaders = 32;
const headerName = /^[a-z][a-z0-9-]{0,63}$/;
const headerValue = /^[\x20-\x7e]{0,1024}$/;
const reserved = /^(?:sluice-|nats-|x-|traceparent$|tracestate$)/;

/** Headers of the program's own, read once. @throws InvalidOptionError */
export function readHeaders(owner: string, headers: unknown): Readonly<Record<string, string>> {
  if (headers === undefined) return {};
  const entries = isRecord(headers) ? Object.entries(headers) : undefined;
  if (entries !== undefined && entries.length <= mostHeaders && entries.every(isHeader)) {
    return Object.fromEntries(entries);
  }
  throw new InvalidOptionError({
    what: `${owner} got headers that cannot be sent`,
    remedy: `Give at most ${mostHeaders}, with names of small letters, digits and "-" that begin with none of sluice-, nats- and x-, and values of at most 1,024 printable ASCII characters`,
  });
}

/** Those of the program, of all that came with a message. */
export function ownHeaders(headers: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(isHeader).slice(0, mostHeaders));
}

function isHeader(entry: [string, unknown]): entry is [string, string] {
  const [name, value] = entry;
  return headerName.test(name) && !reserved.test(name) && typeof value === 'string' && headerValue.test(value);
}
