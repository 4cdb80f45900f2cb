import type { Attributes, Span } from '@opentelemetry/api';
import { SpanStatusCode } from '@opentelemetry/api';
import type { DatabaseAddress, TraceEvent } from '../channels/index.ts';
import { fieldOf, isInstance, SluiceError } from '../core/index.ts';

/** Where a database is, by the semantic conventions. */
export function addressAttributes({ system, namespace, host, port }: DatabaseAddress): Attributes {
  const attributes: Attributes = { 'db.system.name': system === 'postgres' ? 'postgresql' : system };
  if (namespace !== undefined) attributes['db.namespace'] = namespace;
  if (host !== undefined) attributes['server.address'] = host;
  if (port !== undefined) attributes['server.port'] = port;
  return attributes;
}

/** What Sluice knows of where something runs. */
export function placeAttributes({ clientName, level }: TraceEvent): Attributes {
  const attributes: Attributes = {};
  if (clientName !== undefined) attributes['sluice.client'] = clientName;
  if (level !== undefined) attributes['sluice.level'] = level;
  return attributes;
}

/** Names of classes and codes: whatever else stands there may hold anything. */
const nameOrCode = /^[\w.$-]{1,100}$/;

/** What something failed with: a code or the name of a class, never a message, since that may quote values. */
export function failureAttributes(error: unknown): Attributes {
  const status = statusCodeOf(error);
  if (status !== undefined) return { 'error.type': status, 'db.response.status_code': status };
  for (const name of [fieldOf(error, 'code'), fieldOf(error, 'name')]) {
    if (typeof name === 'string' && nameOrCode.test(name)) return { 'error.type': name };
  }
  return { 'error.type': '_OTHER' };
}

/** Marks a span as failed. */
export function markFailed(span: Span, error: unknown): void {
  span.setAttributes(failureAttributes(error));
  span.setStatus({ code: SpanStatusCode.ERROR });
}

/** SQLSTATE on PostgreSQL, the number of the error on the others. */
function statusCodeOf(error: unknown): string | undefined {
  if (isInstance(error, SluiceError)) return undefined;
  const code = fieldOf(error, 'code');
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && typeof fieldOf(error, 'severity') === 'string') {
    return code;
  }
  const isOfMysql = typeof fieldOf(error, 'sqlState') === 'string';
  const number = fieldOf(error, isOfMysql ? 'errno' : 'errcode');
  return typeof number === 'number' && Number.isSafeInteger(number) ? String(number) : undefined;
}
