import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../../src/cache/index.ts';
import { createModel, defineModel } from '../../src/model/index.ts';
import { rolledBack } from '../../src/testing/index.ts';
import { cachesInTests, copiesInTests, type GivenStore } from '../support/cache-in-tests-suite.ts';
import { useTestDatabase } from '../support/database.ts';

interface PostRow {
  id: number;
  title: string;
}

const server = useTestDatabase('create table post (id int primary key, title varchar(100) not null)');

/** Counts what changes it. */
class WatchedStore extends MemoryStore {
  readonly told: string[] = [];
  override write(...args: Parameters<MemoryStore['write']>): ReturnType<MemoryStore['write']> {
    this.told.push(`write ${args[0].key}`);
    return super.write(...args);
  }
  override prepare(...args: Parameters<MemoryStore['prepare']>): ReturnType<MemoryStore['prepare']> {
    this.told.push(`prepare ${args[1].join()}`);
    return super.prepare(...args);
  }
}

function give(): Promise<GivenStore> {
  const store = new WatchedStore();
  return Promise.resolve({ store, contents: () => Promise.resolve([...store.told]) });
}

describe('caches in a test that is rolled back', () => {
  cachesInTests(server, give);
  copiesInTests(server, give);

  it('leaves nothing in the caches of a model', async () => {
    const database = server.open({ max: 4 });
    const store = new WatchedStore();
    const definition = defineModel<PostRow>({
      table: 'post',
      key: 'id',
      cache: { entity: true, query: true, store },
    });
    const post = createModel(database, definition);
    await post.insert({ id: 1, title: 'first' });
    const before = [...store.told];
    await rolledBack(database, async () => {
      await post.insert({ id: 2, title: 'second' });
      await post.update({ title: 'changed' }, { where: { id: 1 } });
      expect(await post.get({ id: 1 })).toMatchObject({ title: 'changed' });
      expect(await post.get({ id: 2 })).toMatchObject({ title: 'second' });
      expect(await post.select({ where: { title: 'changed' } })).toHaveLength(1);
      await database.transaction(() => post.update({ title: 'again' }, { where: { id: 1 } }));
      expect(await post.get({ id: 1 })).toMatchObject({ title: 'again' });
      expect(await post.select({ where: { title: 'changed' } })).toHaveLength(0);
    });
    expect(store.told).toEqual(before);
    expect(await post.get({ id: 1 })).toMatchObject({ title: 'first' });
    expect(await post.get({ id: 2 })).toBeUndefined();
    expect(await post.select({ where: { title: 'changed' } })).toHaveLength(0);
  });
});
