import type { Anomaly } from './anomaly.ts';

/** What came of the orders. */
export interface Findings {
  readonly actors: readonly string[];
  readonly orders: number;
  readonly untried: number;
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

/** How many orders were tried, of how many. */
export function ordersInWords(findings: Pick<Findings, 'orders' | 'untried' | 'notes' | 'isReduced'>): string {
  const { orders, isReduced } = findings;
  if (!areAll(findings)) return `${orders} orders, not all`;
  return isReduced ? `${orders} orders, which stand for all` : `${orders} of ${orders} orders`;
}
