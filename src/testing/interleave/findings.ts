import type { Anomaly } from './anomaly.ts';

/** What came of the orders. */
export interface Findings {
  readonly actors: readonly string[];
  readonly orders: number;
  readonly untried: number;
  /** In how many of the orders an actor came between the statements of another one. */
  readonly interleaved: number;
  /** Whether some actor has sent more than once, so that others could come between. */
  readonly hasBetween: boolean;
  /** Whether orders were left out that others are equivalent to. */
  readonly isReduced: boolean;
  readonly deadlocks: number;
  readonly serializationFailures: number;
  readonly waits: number;
  readonly anomalies: readonly Anomaly[];
  readonly anomalous: number;
  readonly notes: readonly string[];
  readonly notCompared: readonly string[];
}

/** Whether no order is left that was not tried, and that is equivalent to none that was. */
export function areAll({ untried, notes }: Pick<Findings, 'untried' | 'notes'>): boolean {
  return untried === 0 && notes.length === 0;
}

/** Whether nothing was tried that could go wrong: no order in which one actor came between another one's statements, and there are such. */
export function areVain(
  findings: Pick<Findings, 'untried' | 'notes' | 'interleaved' | 'hasBetween' | 'isReduced'>,
): boolean {
  const { untried, interleaved, hasBetween, isReduced } = findings;
  return interleaved === 0 && (untried > 0 || (!areAll(findings) && hasBetween && !isReduced));
}

/** How many orders were tried, of how many. */
export function ordersInWords(findings: Pick<Findings, 'orders' | 'untried' | 'notes' | 'isReduced'>): string {
  const { orders, isReduced } = findings;
  const counted = orders === 1 ? '1 order' : `${orders} orders`;
  if (!areAll(findings)) return `${counted}, not all`;
  return isReduced ? `${counted}, which ${orders === 1 ? 'stands' : 'stand'} for all` : `${orders} of ${counted}`;
}
