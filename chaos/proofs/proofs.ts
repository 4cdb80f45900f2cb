// What has to hold when everything that was begun has come to its end.
import type { TestServer } from '../../test/support/engines/engine.ts';
import { customers, effectsOfSale, endsOfLabel, endsOfSaga, firstBalance, firstStock, revenueOf } from '../settings.ts';
import type { Ledger } from './ledger.ts';

type Rows = Record<string, unknown>[];

/** Of each kind of fault so many are named. */
const most = 3;
/** What works towards the end, and how many of it are left when it has come. */
const queues: readonly (readonly [name: string, text: string])[] = [
  ['messages in the outbox', 'select count(*) as n from sluice_outbox'],
  ['publications of events', 'select count(*) as n from sluice_event_publication where completed_at is null'],
  [
    'sagas that have not ended',
    "select count(*) as n from sluice_saga where status not in ('completed', 'failed', 'cancelled')",
  ],
];

/** What is still to be done, in words; nothing when all sales have had their effects. */
export async function pending(server: TestServer): Promise<string[]> {
  const left = [...(await missing(server))];
  for (const [name, text] of queues) {
    const n = numberOf(await server.sql(text), 'n');
    if (n > 0) left.push(`${n} ${name} are left`);
  }
  return left;
}

export async function effectsNoted(server: TestServer): Promise<number> {
  return numberOf(await server.sql('select count(*) as n from effect'), 'n');
}

/** @returns faults, when nothing is under way */
export async function prove(server: TestServer, ledger: Ledger): Promise<string[]> {
  return [...(await proveAtAnyTime(server, ledger)), ...(await money(server)), ...(await stock(server))];
}

/** What has to hold while the shop works, too. */
export async function proveAtAnyTime(server: TestServer, ledger: Ledger): Promise<string[]> {
  const { length } = ledger;
  const sales = new Map<string, number>();
  for (const { order_id } of await server.sql('select order_id from sale'))
    sales.set(String(order_id), (sales.get(String(order_id)) ?? 0) + 1);
  return [...ledger.compare(sales, length).slice(0, 2 * most), ...(await effects(server))];
}

async function money(server: TestServer): Promise<string[]> {
  const right = new Map<number, number>();
  for (let id = 1; id <= customers; id += 1) right.set(id, firstBalance);
  for (const { customer, product, paid } of await server.sql(
    'select customer, product_id as product, sum(price) as paid from sale group by customer, product_id',
  )) {
    const [from, to] = [Number(customer), revenueOf(Number(product))];
    right.set(from, (right.get(from) ?? 0) - Number(paid));
    right.set(to, (right.get(to) ?? 0) + Number(paid));
  }
  const balances = await server.sql('select id, balance from account order by id');
  return balances.flatMap(({ id, balance }) => {
    const [found, expected] = [Number(balance), right.get(Number(id)) ?? 0];
    return found === expected ? [] : [`account ${Number(id)} has ${found}, and the sales say ${expected}`];
  });
}

async function stock(server: TestServer): Promise<string[]> {
  const rows = await server.sql(
    `select p.id, p.stock, coalesce(sum(s.quantity), 0) as sold from product p
     left join sale s on s.product_id = p.id group by p.id, p.stock`,
  );
  return rows
    .filter((row) => Number(row['stock']) + Number(row['sold']) !== firstStock)
    .map(
      (row) => `of product ${Number(row['id'])} ${Number(row['stock'])} are left, and ${Number(row['sold'])} are sold`,
    );
}

async function effects(server: TestServer): Promise<string[]> {
  const twice = await server.sql(
    `select kind, order_id, count(*) as n from effect group by kind, order_id having count(*) > 1 limit ${most}`,
  );
  const strays = await server.sql(
    `select kind, e.order_id from effect e left join sale s on s.order_id = e.order_id
     where s.order_id is null limit ${most}`,
  );
  const both = await server.sql(
    `select a.order_id from effect a join effect b on a.order_id = b.order_id
     where a.kind = 'sent' and b.kind = 'undone' and not exists
     (select 1 from effect c where c.order_id = a.order_id and c.kind = 'returned') limit ${most}`,
  );
  const unpacked = await server.sql(
    `select e.order_id from effect e where e.kind in (${listed(endsOfSaga)}) and not exists
     (select 1 from effect p where p.order_id = e.order_id and p.kind = 'packed') limit ${most}`,
  );
  return [
    ...twice.map(
      (row) => `"${String(row['kind'])}" of order ${String(row['order_id'])} took effect ${Number(row['n'])} times`,
    ),
    ...strays.map(
      (row) => `"${String(row['kind'])}" of order ${String(row['order_id'])} took effect, and is of no sale`,
    ),
    ...both.map((row) => `the parcel of order ${String(row['order_id'])} is sent and unpacked, and has not come back`),
    ...unpacked.map(
      (row) => `the parcel of order ${String(row['order_id'])} is sent or unpacked, and was never packed`,
    ),
  ];
}

async function missing(server: TestServer): Promise<string[]> {
  const kinds = effectsOfSale.map(async (kind) => {
    const rows = await server.sql(
      `select s.order_id from sale s where not exists
       (select 1 from effect e where e.order_id = s.order_id and e.kind = '${kind}') limit ${most}`,
    );
    return rows.map((row) => `order ${String(row['order_id'])} has had no "${kind}"`);
  });
  const ended = [notEnded(server, 'packed', endsOfSaga), notEnded(server, 'labelled', endsOfLabel)];
  const found = await Promise.all([...kinds, notPacked(server), ...ended]);
  return found.flat();
}

/** A saga that was cancelled early has nothing to be undone. */
async function notPacked(server: TestServer): Promise<string[]> {
  const rows = await server.sql(
    `select s.order_id from sale s where not exists
     (select 1 from effect e where e.order_id = s.order_id and e.kind = 'packed') and not exists
     (select 1 from sluice_saga g where g.saga = 'ship' and g.id = s.order_id and g.status = 'cancelled') limit ${most}`,
  );
  return rows.map(
    (row) => `the parcel of order ${String(row['order_id'])} was not packed, and nobody has cancelled it`,
  );
}

async function notEnded(server: TestServer, kind: string, ends: readonly [string, string]): Promise<string[]> {
  const rows = await server.sql(
    `select p.order_id from effect p where p.kind = '${kind}' and not exists
     (select 1 from effect e where e.order_id = p.order_id and e.kind in (${listed(ends)})) limit ${most}`,
  );
  const missing = ends.map((end) => `"${end}"`).join(' nor ');
  return rows.map((row) => `the parcel of order ${String(row['order_id'])} is "${kind}", and neither ${missing}`);
}

/** As SQL. */
function listed(kinds: readonly string[]): string {
  return kinds.map((kind) => `'${kind}'`).join(', ');
}

function numberOf(rows: Rows, name: string): number {
  return Number(rows[0]?.[name] ?? 0);
}
