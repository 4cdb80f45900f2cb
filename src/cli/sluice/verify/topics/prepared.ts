import { sql } from '../../../../index.ts';
import { type Bench, type Topic, valueOf } from '../bench/bench.ts';
import { notApplicable, optional, type Row } from '../row.ts';

const name = 'prepared statements';

/** Whether a text that is repeated is prepared once. */
export const prepared: Topic = {
  name: 'Prepared statements',
  async run(bench) {
    return [bench.pooler === undefined ? await ofServer(bench) : ofPooler(bench)];
  },
};

async function ofServer(bench: Bench): Promise<Row> {
  const { database, kind, signal, isReadOnly } = bench;
  const number = bench.number();
  const question = sql.raw(`select ${number} + `);
  const count = async (): Promise<number> => {
    const found = await database.query(
      kind === 'mysql'
        ? `show session status like 'Com_stmt_execute'`
        : `select count(*) from pg_prepared_statements where statement like 'select ${number} + %'`,
    );
    return Number(kind === 'mysql' ? found.rows[0]?.['Value'] : valueOf(found));
  };
  const [before, after] = await database.transaction(
    async () => {
      const first = await count();
      for (let round = 0; round < 3; round += 1) await database.query(sql`${question}${round}`);
      return [first, await count()] as const;
    },
    { signal, readOnly: isReadOnly },
  );
  return optional(
    name,
    after > before,
    after > before
      ? 'A text that is repeated is planned once'
      : 'A text that is repeated is planned each time, which costs time on the server',
  );
}

function ofPooler({ pooler, preparesBehindPooler }: Bench): Row {
  if (preparesBehindPooler === true) {
    return optional(name, true, 'Work behind the pooler; they are off there unless you give preparedStatements: true');
  }
  if (preparesBehindPooler === undefined)
    return notApplicable(name, 'The pooler gave the same connection each time, so it could not be seen');
  const mode = pooler?.mode === 'transaction' ? 'gives each transaction another connection and ' : '';
  return optional(
    name,
    false,
    `The pooler ${mode}does not keep track of them: leave preparedStatements out, and the server plans each text anew`,
  );
}
