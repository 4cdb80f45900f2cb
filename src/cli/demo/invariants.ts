import type { Database } from '../../index.ts';
import { initialStock } from './schema.ts';

export interface Expected {
  readonly committed: number;
  readonly declined: number;
  readonly declinedOrders: readonly number[];
}

interface Invariant {
  readonly rule: string;
  /** A query with a row for each violation. */
  readonly violations: string;
  readonly values?: readonly unknown[];
}

/** Holds the tables against what must be true whatever happened; what is not is described. */
export async function findViolations(database: Database, expected: Expected): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const { rule, violations, values } of invariants(expected)) {
    const { rowCount } = await database.current.query(violations, values);
    if (rowCount > 0) problems.push(`${rule}: violated ${rowCount} times`);
  }
  return problems;
}

function invariants({ committed, declined, declinedOrders }: Expected): readonly Invariant[] {
  return [
    { rule: 'stock is never negative', violations: 'select 1 from product where stock < 0' },
    {
      rule: 'what was reserved is what is missing from the shelves',
      violations:
        'select 1 where (select coalesce(sum(quantity), 0) from reservation) + (select sum(stock) from product) <> $1',
      values: [initialStock],
    },
    {
      rule: 'every order is paid and has lines, a payment and its audit row',
      violations: `select 1 from checkout_order o where status <> 'paid'
        or not exists (select from order_line where order_id = o.id)
        or not exists (select from payment where order_id = o.id)
        or not exists (select from audit where order_id = o.id and event = 'charged')`,
    },
    {
      rule: 'the lines and reservations of an order are the same',
      violations: `(table order_line except table reservation) union all (table reservation except table order_line)`,
    },
    {
      rule: 'a declined payment left nothing but its audit row',
      violations: `select 1 from unnest($1::int[]) declined(id)
        where not exists (select from audit where order_id = id and event = 'declined')
        or exists (select from checkout_order o where o.id = declined.id)
        or exists (select from order_line where order_id = declined.id)
        or exists (select from reservation where order_id = declined.id)
        or exists (select from payment where order_id = declined.id)`,
      values: [declinedOrders],
    },
    {
      rule: 'as many orders and audit rows as checkouts that said so',
      violations: `select 1 where (select count(*) from checkout_order) <> $1
        or (select count(*) from audit where event = 'charged') <> $1
        or (select count(*) from audit where event = 'declined') <> $2`,
      values: [committed, declined],
    },
  ];
}
