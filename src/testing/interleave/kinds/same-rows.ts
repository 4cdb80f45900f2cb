import type { TransactionalClient } from '../../../connection/index.ts';
import type { Statement } from '../../../driver/index.ts';
import { textOfValue } from '../../text-of-value.ts';
import { openAsk } from '../ask.ts';
import { readOfRows } from './rows-in-text.ts';
import type { Table } from './schemas.ts';

/** An UPDATE or a DELETE of a table. */
export interface RowsWritten {
  readonly client: TransactionalClient;
  readonly statement: Statement;
  readonly meant: Table;
}

/**
 * Whether two writes of one table come to a common row, by the rows as `setup` leaves them: `id = 1` and `sku = 'a'` may be about
 * one row. What cannot be asked is not said to.
 * @param setUp brings the rows into the state from which orders begin
 */
export async function comeToSameRow(
  one: RowsWritten,
  other: RowsWritten,
  setUp: () => Promise<void>,
): Promise<boolean> {
  const reads = [one, other].map((each) => readOfRows(each.statement, tableOf(each)));
  const [first, second] = reads;
  if (one.client !== other.client || first === undefined || second === undefined) return false;
  await setUp();
  const { ask, close } = await openAsk(one.client, 'Let its user read the tables');
  try {
    const rows = new Set((await ask(first.text, first.values)).map((row) => textOf(row)));
    return (await ask(second.text, second.values)).some((row) => rows.has(textOf(row)));
  } catch {
    return false;
  } finally {
    await close();
  }
}

/** The name of the table from outside: that which a transaction has made current is not current there. */
function tableOf({ client, meant: { schema, name, isMoved } }: RowsWritten): string | undefined {
  if (!isMoved || schema === undefined) return undefined;
  return `${client.driver.quoteName(schema)}.${client.driver.quoteName(name)}`;
}

function textOf(row: Readonly<Record<string, unknown>>): string {
  return textOfValue(row);
}
