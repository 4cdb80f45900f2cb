/** A library over a pool of its own, and over Sluice; or what is built on Sluice against what it is made with. */
export interface LibraryContender {
  readonly name: string;
  /** A transaction of one update. */
  readonly transaction: { readonly alone: () => Promise<unknown>; readonly sluice: () => Promise<unknown> };
  /** A read by its key, outside of a transaction. */
  readonly read: { readonly alone: () => Promise<unknown>; readonly sluice: () => Promise<unknown> };
}

export const table = 'sluice_bench_library';
export const rows = 1_000;
export const width = 10;

export interface Row {
  id: number;
  value: number;
}

export function anyId(): number {
  return 1 + Math.floor(Math.random() * rows);
}

/** The same on both. */
export function both<Handle>(
  { alone, sluice }: { readonly alone: Handle; readonly sluice: Handle },
  run: (handle: Handle) => Promise<unknown>,
): LibraryContender['transaction'] {
  return { alone: () => run(alone), sluice: () => run(sluice) };
}
