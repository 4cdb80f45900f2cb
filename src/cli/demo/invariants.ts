import type { Database } from '../../index.ts';
import { initialStock } from './schema.ts';

export interface Expected {
  readonly committed: number;
  readonly declined: number;
  readonly declinedOrders: readonly number[];
}

interface Invariant {
  readonly rule: string;
  /** Queries with a row for each violation. */
  readonly violations: readonly { readonly text: string; readonly values?: readonly unknown[] }[];
}

/** Holds the tables against what must be true whatever happened; what is not is described. */
export async function findViolations(database: Database, expected: Expected): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const { rule, violations } of invariants(expected)) {
    let found = 0;
    for (const { text, values } of violations) found += (await database.current.query(text, values)).rowCount;
    if (found > 0) problems.push(`${rule}: violated ${found} times`);
  }
  return problems;
}

/** A row if the condition holds. */
const rowIf = (condition: string): string => `select one.one from (select 1 as one) one where ${condition}`;
const missing = (one: string, other: string): string =>
  `select one.order_id from ${one} one where not exists (select 1 from ${other} other
    where other.order_id = one.order_id and other.product_id = one.product_id and other.quantity = one.quantity)`;

function invariants({ committed, declined, declinedOrders }: Expected): readonly Invariant[] {
  return [
    { rule: 'stock is never negative', violations: [{ text: 'select id from product where stock < 0' }] },
    {
      rule: 'what was reserved is what is missing from the shelves',
      violations: [
        {
          text: rowIf('(select coalesce(sum(quantity), 0) from reservation) + (select sum(stock) from product) <> $1'),
          values: [initialStock],
        },
      ],
    },
    {
      rule: 'every order is paid and has lines, a payment and its audit row',
      violations: [
        {
          text: `select o.id from checkout_order o where status <> 'paid'
        or not exists (select 1 from order_line where order_id = o.id)
        or not exists (select 1 from payment where order_id = o.id)
        or not exists (select 1 from audit where order_id = o.id and event = 'charged')`,
        },
      ],
    },
    {
      rule: 'the lines and reservations of an order are the same',
      violations: [{ text: missing('order_line', 'reservation') }, { text: missing('reservation', 'order_line') }],
    },
    ...ofDeclined(declinedOrders),
    {
      rule: 'as many orders and audit rows as checkouts that said so',
      violations: [
        { text: rowIf('(select count(*) from checkout_order) <> $1'), values: [committed] },
        { text: rowIf("(select count(*) from audit where event = 'charged') <> $1"), values: [committed] },
        { text: rowIf("(select count(*) from audit where event = 'declined') <> $1"), values: [declined] },
      ],
    },
  ];
}

function ofDeclined(declinedOrders: readonly number[]): readonly Invariant[] {
  const list = declinedOrders.map((_, index) => `$${index + 1}`).join(', ');
  const left = { checkout_order: 'id', order_line: 'order_id', reservation: 'order_id', payment: 'order_id' };
  return [
    {
      rule: 'a declined payment left nothing but its audit row',
      violations:
        declinedOrders.length === 0
          ? []
          : Object.entries(left).map(([table, column]) => ({
              text: `select ${column} from ${table} where ${column} in (${list})`,
              values: declinedOrders,
            })),
    },
    {
      rule: 'every declined payment has its audit row',
      violations: [
        {
          text: rowIf(
            declinedOrders.length === 0
              ? '1 = 0'
              : `(select count(*) from audit where event = 'declined' and order_id in (${list})) <> ${declinedOrders.length}`,
          ),
          values: declinedOrders,
        },
      ],
    },
  ];
}
