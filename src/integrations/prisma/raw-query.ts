import { TransactionControlError } from '../../index.ts';
import { type ErrorPlace } from '../../core/index.ts';

/** The methods for raw queries; not what manages the client. */
export function isRawQuery(property: string): boolean {
  return /^\$(?:query|execute)Raw/.test(property);
}

/** The text of a raw query: given as it is, as a template, or made by `Prisma.sql` or a TypedSQL. */
export function textOf(given: unknown): string {
  if (typeof given === 'string') return given;
  if (Array.isArray(given)) return given.filter((part) => typeof part === 'string').join('?');
  const text: unknown = typeof given === 'object' && given !== null ? Reflect.get(given, 'sql') : undefined;
  return typeof text === 'string' ? text : '';
}

/** What a text of control comes to. @param at where it was made */
export function refusedText(name: string, at: ErrorPlace): Promise<never> {
  const refused = Promise.reject(
    new TransactionControlError({
      what: `A query of Prisma (${name}) would begin, mark or end a transaction in the ambient one, which all queries of the client share; it was not sent`,
      remedy: "Use $transaction of the client, whose handle's raw queries are that transaction's alone",
      at,
    }),
  );
  // It may be made and never awaited.
  refused.catch(() => {});
  return refused;
}
