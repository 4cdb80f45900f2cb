import { SluiceError, sql, type Sql } from '../../../../index.ts';
import { type Bench, type Topic, valueOf } from '../bench/bench.ts';
import { makeCommitTable } from '../../servers/client-definition.ts';
import { pollUntil } from '../bench/poll.ts';
import { notApplicable, optional, required, type Row } from '../row.ts';

const names = {
  told: 'COMMIT without an answer',
  found: 'its outcome found later',
  resolved: 'its outcome with resolveCommit',
} as const;

/** A COMMIT whose answer is lost: is the caller told that the outcome is unknown, and can it be found out? */
export const commitOutcome: Topic = {
  name: 'Commit outcome',
  async run(bench) {
    const without = (why: string): readonly Row[] => Object.values(names).map((name) => notApplicable(name, why));
    if (bench.item === undefined) return without(bench.withoutItem);
    const proxied = await bench.openProxied();
    if (proxied === undefined) return without('The connection cannot be led through a proxy that loses the answer');
    const { database, proxy } = proxied;
    const { item } = bench;
    const id = bench.number();
    let transaction: unknown;
    const error = await database
      .transaction(
        async () => {
          await database.query(sql`insert into ${item} (id, stock) values (${id}, 0)`);
          if (bench.kind === 'postgres') transaction = valueOf(await database.query('select txid_current()::text'));
          proxy.loseNextAnswer();
        },
        { signal: bench.signal },
      )
      .then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
    const code = SluiceError.find(error)?.code;
    const told = required(
      names.told,
      code === 'COMMIT_UNKNOWN'
        ? []
        : [
            error === undefined
              ? 'the caller was told that it committed'
              : `the caller was told ${code ?? 'something else'}`,
          ],
      'The caller gets CommitUnknownError: neither "committed" nor "rolled back" is claimed',
    );
    return [told, await outcome(bench, { item, id, transaction }), await resolved(bench, item)];
  },
};

/** A COMMIT that is carried out, and whose answer is lost: does the caller hear that it was? */
async function resolved(bench: Bench, item: Sql): Promise<Row> {
  const name = names.resolved;
  if (!bench.hasSessions) return notApplicable(name, 'It is looked up in a second session');
  if (bench.pooler !== undefined)
    return notApplicable(name, 'Behind a pooler it is not looked up: the caller gets CommitUnknownError');
  const proxied = await bench.openResolving();
  if (proxied === undefined) return notApplicable(name, 'The connection cannot be led through a proxy');
  const { database, proxy } = proxied;
  if (bench.kind === 'mysql') await makeCommitTable(database);
  const id = bench.number();
  const told = await database
    .transaction(
      async () => {
        await database.query(sql`insert into ${item} (id, stock) values (${id}, 0)`);
        proxy.loseNextAnswer();
      },
      { signal: bench.signal },
    )
    .then(
      () => 'committed',
      (error: unknown) => SluiceError.find(error)?.code ?? 'something else',
    );
  const { rows } = await bench.database.query(sql`select id from ${item} where id = ${id}`);
  const isRight = told === (rows.length > 0 ? 'committed' : 'CONNECTION_LOST');
  return optional(
    name,
    isRight,
    isRight
      ? `The call goes on with what became of it, "${rows.length > 0 ? 'committed' : 'rolled back'}", and no caller has to look`
      : `The caller was told ${told}`,
  );
}

async function outcome(
  bench: Bench,
  { item, id, transaction }: { readonly item: Sql; readonly id: number; readonly transaction: unknown },
): Promise<Row> {
  const { database, kind } = bench;
  const isThere = async (): Promise<boolean> =>
    (await database.query(sql`select id from ${item} where id = ${id}`)).rows.length > 0;
  if (kind === 'mysql') {
    const isFound = await pollUntil(isThere, 3_000);
    return optional(
      names.found,
      isFound,
      isFound
        ? 'By a row of the transaction: write one with a key of your own, and look for it'
        : 'Its row did not come',
    );
  }
  let status: unknown;
  await pollUntil(async () => {
    status = valueOf(await database.query(sql`select txid_status(${String(transaction)}::bigint)`));
    return status !== 'in progress';
  }, 3_000);
  const isRight = (status === 'committed') === (await isThere()) && status !== 'in progress';
  return optional(
    names.found,
    isRight,
    isRight
      ? `By txid_status, which says "${String(status)}" of its txid_current()`
      : `txid_status says "${String(status)}", and the table says otherwise: look for a row of the transaction`,
  );
}
