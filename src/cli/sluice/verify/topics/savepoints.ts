import { sql } from '../../../../index.ts';
import { sessionOf, type Topic } from '../bench/bench.ts';
import { required } from '../row.ts';

/** A failed statement inside a savepoint, and two savepoints inside one another. */
export const savepoints: Topic = {
  name: 'Savepoints',
  async run(bench) {
    const { database, kind, signal, isReadOnly, item } = bench;
    const failing = kind === 'mysql' ? 'select * from sluice_verify_is_not_there' : 'select 1 / 0';
    const [kept, undone] = [bench.number(), bench.number()];
    let hasFailed = false;
    await database.transaction(
      async () => {
        await database.transaction(
          async () => {
            if (item !== undefined) await database.query(sql`insert into ${item} (id, stock) values (${kept}, 0)`);
            await database
              .transaction(
                async () => {
                  if (item !== undefined)
                    await database.query(sql`insert into ${item} (id, stock) values (${undone}, 0)`);
                  await database.query(failing);
                },
                { propagation: 'NESTED' },
              )
              .catch(() => (hasFailed = true));
          },
          { propagation: 'NESTED' },
        );
        await sessionOf(bench);
      },
      { signal, readOnly: isReadOnly },
    );
    const found =
      item === undefined
        ? []
        : (await database.query(sql`select id from ${item} where id in (${kept}, ${undone})`)).rows;
    const ids = new Set(found.map(({ id }) => Number(id)));
    return [
      required(
        'savepoint in a savepoint',
        [
          ...(hasFailed ? [] : ['a wrong statement did not fail']),
          ...(item === undefined || ids.has(kept) ? [] : ['what the outer one wrote is gone']),
          ...(ids.has(undone) ? ['what the failed one wrote is still there'] : []),
        ],
        'After a failed statement the transaction goes on, and only the inner one is undone',
      ),
    ];
  },
};
