import { describe, expect, it } from 'vitest';
import { useTestDatabase } from '../support/database.ts';
import { checkResultSize, limit, tooLarge } from '../support/result-size.ts';

const server = useTestDatabase();

describe('maxResultBytes on PostgreSQL', () => {
  checkResultSize(server, `select repeat('x', 100000000) as text`);

  it('those that share a connection with it go on without it', async () => {
    await server.sql(`insert into product (id, name) select id, repeat('x', 1000) from generate_series(1, 100) id`);
    const database = server.open({ max: 2, maxResultBytes: limit, shareReads: true });
    const byId = async (id: number): Promise<unknown> =>
      (await database.query('select id from product where id = $1', [id])).rows[0];
    const upTo = (id: number): Promise<unknown> => database.query('select * from product where id <= $1', [id]);
    const ids = Array.from({ length: 30 }, (_, at) => at + 1);
    // Once the texts are known to be quick they travel together.
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(ids.map((id) => Promise.all([upTo(1), byId(id)])));
      const settled = await Promise.allSettled(ids.map((id) => (id === 15 ? upTo(100) : byId(id))));
      expect(settled[14]).toMatchObject({ status: 'rejected', reason: tooLarge });
      const others = settled.filter((_, at) => at !== 14);
      expect(others).toMatchObject(ids.filter((id) => id !== 15).map((id) => ({ value: { id } })));
    }
  });
});
