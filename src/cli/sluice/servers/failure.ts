import { harmless } from '../terminal/text.ts';

/** What lies at the bottom of an error: what the server or the system has said, which the errors above it only put into words. */
export function reasonOf(error: unknown): string {
  let at = error;
  for (let depth = 0; depth < 10 && at instanceof Error; depth += 1) {
    if (at instanceof AggregateError && at.errors.length > 0) at = at.errors[0];
    else if (at.cause instanceof Error) at = at.cause;
    else break;
  }
  const text = at instanceof Error ? at.message || at.name : String(at);
  return harmless(text).slice(0, 300).replace(/\.$/, '');
}

/** The server's own code of an error: an SQLSTATE, or the name of one of MySQL and MariaDB. */
export function serverCodeOf(error: unknown): string | undefined {
  for (let at = error, depth = 0; depth < 10 && at instanceof Error; at = at.cause, depth += 1) {
    const { code } = at as { readonly code?: unknown };
    if (typeof code === 'string' && (/^[0-9A-Z]{5}$/.test(code) || /^E[A-Z_]+$/.test(code))) return code;
  }
  return undefined;
}

/** The user may not: 42501, and 1044, 1142 and 1227 of MySQL and MariaDB. */
export function isRefused(error: unknown): boolean {
  return /^42501$|ACCESS_DENIED|DBACCESS|TABLEACCESS/.test(serverCodeOf(error) ?? '');
}

/** There is no such table or schema: 42P01 and 3F000, and 1146 and 1049 of MySQL and MariaDB. */
export function isMissing(error: unknown): boolean {
  return /^42P01$|^3F000$|NO_SUCH_TABLE|BAD_DB/.test(serverCodeOf(error) ?? '');
}

/** Rejects when it takes longer. What is under way goes on, and its end is not looked at. */
export async function within<Value>(milliseconds: number, work: Promise<Value>, signal?: AbortSignal): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new SilenceError(milliseconds)), milliseconds);
    onAbort = () => reject(signal?.reason as Error);
    if (signal?.aborted === true) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    work.catch(() => {});
  }
}

/** There was no answer in time. */
export class SilenceError extends Error {
  constructor(milliseconds: number) {
    super(`no answer within ${milliseconds} ms`);
  }
}
