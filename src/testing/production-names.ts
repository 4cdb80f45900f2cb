const word = /(?:^|[^a-z])(?:prod|prd|production|live)(?:[^a-z]|$)/i;

/** Whether a name says that it belongs to production; `product` and `delivery` do not. */
export function namesProduction(name: string): boolean {
  return word.test(name);
}
