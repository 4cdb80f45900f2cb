import { InvalidOptionError, isRecord, typeName } from '../../core/index.ts';

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
    what: `${owner} got ${problemOf(entries)}`,
    remedy: `Give at most ${mostHeaders}, with names of at most 64 small letters, digits and "-" that begin with a letter, and values of at most 1,024 printable ASCII characters. traceparent, tracestate and what begins with sluice-, nats- or x- is written by Sluice and the broker`,
  });
}

function problemOf(entries: readonly [string, unknown][] | undefined): string {
  if (entries === undefined) return 'headers that are no object of names and values';
  if (entries.length > mostHeaders) return `${entries.length} headers`;
  const [name, value] = entries.find((entry) => !isHeader(entry)) ?? ['', ''];
  if (!headerName.test(name)) return 'a header whose name cannot be sent';
  if (reserved.test(name)) return `a header "${name}", which Sluice or the broker writes itself`;
  return typeof value === 'string'
    ? `a value of the header "${name}" that cannot be sent`
    : `${typeName(value)} for the header "${name}"`;
}

/** Those of the program, of all that came with a message. */
export function ownHeaders(headers: Readonly<Record<string, unknown>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(headers).filter(isHeader).slice(0, mostHeaders));
}

function isHeader(entry: [string, unknown]): entry is [string, string] {
  const [name, value] = entry;
  return headerName.test(name) && !reserved.test(name) && typeof value === 'string' && headerValue.test(value);
}
