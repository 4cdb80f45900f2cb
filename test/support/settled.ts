/** The error that a promise rejects with; fails if it resolves, and where the error is that of an `expect` on the way. */
export async function rejection(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  const value = await promise.then(
    () => undefined,
    (error: unknown) => ({ error }),
  );
  if (value === undefined) throw new Error('expected a rejection');
  if (value.error instanceof Error && value.error.name === 'AssertionError') throw value.error;
  return value.error as Error & Record<string, unknown>;
}

/** A promise that a test resolves by hand. */
export function signal(): { readonly promise: Promise<void>; readonly fire: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, fire: resolve };
}

/** Waits for a condition, looking again at short intervals; fails after `limit` ms with what was waited for. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, limit = 10_000): Promise<void> {
  const deadline = performance.now() + limit;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${limit} ms in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
