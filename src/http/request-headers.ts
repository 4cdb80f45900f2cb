import {
  contextHeaders,
  type HeaderCarrier,
  invalidContext,
  readHeader,
  readHeaders,
  testHeader,
} from '../envelope/index.ts';

/** What each header looks like that Sluice writes. Frameworks join one that comes twice with commas, or make a list of it. */
const shapes: Readonly<Record<string, RegExp>> = {
  [contextHeaders.context]: /^[\w-]{1,16384}$/,
  [contextHeaders.signature]: /^[0-9a-f]{64}$/,
  [contextHeaders.timeout]: /^\d{1,10}$/,
  [testHeader]: /^[\w-]{1,100}$/,
};

/**
 * Refuses headers of Sluice that it has not written: they came twice, are too long, or hold what it never sends.
 * @param isSigned whether contexts have to be signed here
 * @throws InvalidContextError
 */
export function checkHeaders(headers: HeaderCarrier, isSigned: boolean): void {
  for (const [name, shape] of Object.entries(shapes)) {
    const values = readHeaders(headers, name);
    if (values.length === 0) continue;
    if (values.length > 1 || values[0]?.includes(',') === true) throw invalidContext(`the header "${name}" came twice`);
    if (!shape.test(values[0] ?? '')) throw invalidContext(`the header "${name}" is none that Sluice has written`);
  }
  if (!isSigned) return;
  const { context, signature } = contextHeaders;
  if ((readHeader(headers, context) === undefined) === (readHeader(headers, signature) === undefined)) return;
  throw invalidContext(
    `only one of the headers "${context}" and "${signature}" came; something on the way takes one out`,
  );
}
