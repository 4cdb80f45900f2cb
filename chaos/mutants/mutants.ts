// Sluices with a part of what keeps effects right taken out. Chaos has to find each of them, or its proofs prove nothing.
export interface ChaosMutant {
  readonly name: string;
  /** Below `src`. */
  readonly file: string;
  /** Occurs there once. */
  readonly find: string;
  readonly replace: string;
}

export const chaosMutants: readonly ChaosMutant[] = [
  {
    name: 'a transaction that commits although its body has thrown',
    file: 'transaction/begin.ts',
    find: "if (done.type === 'thrown' || refused) return transaction.rollback();",
    replace: 'if (refused) return transaction.rollback();',
  },
];
