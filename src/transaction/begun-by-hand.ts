/** What was begun in a scope without a body of its own, and is ended by hand. */
export interface BegunByHand {
  /**
   * The body of the scope has ended first: ends it now. Never rejects.
   * @returns what went wrong; nothing where it may have been left open, as a savepoint may
   */
  endWithScope(): Promise<unknown>;
}

/** What is reported in addition to an error: what was left open, and what hooks threw. */
export function besides(
  leftOpen: readonly unknown[] | undefined,
  error: unknown,
  hookErrors: readonly unknown[],
): readonly unknown[] {
  return leftOpen === undefined ? hookErrors : [...leftOpen.filter((each) => each !== error), ...hookErrors];
}
