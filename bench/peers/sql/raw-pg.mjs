// What is measured against: BEGIN, statements with values, COMMIT, as they are usually written.
import pg from 'pg';

export const name = 'raw pg';

export async function open({ url, width, update, read }) {
  const pool = new pg.Pool({ connectionString: url, max: width });
  const run = async (body, { isolation } = {}) => {
    const client = await pool.connect();
    try {
      await client.query(isolation === undefined ? 'BEGIN' : `BEGIN ISOLATION LEVEL ${isolation}`);
      await body({
        update: (id) => client.query(update, [id]),
        nested: async (inner) => {
          await client.query('SAVEPOINT inside');
          await inner();
          await client.query('RELEASE SAVEPOINT inside');
        },
      });
      await client.query('COMMIT');
    } finally {
      client.release();
    }
  };
  return { run, requiresNew: run, read: (id) => pool.query(read, [id]), close: () => pool.end() };
}
