// The samples of the document on transactions, in their order, as they are written there but for imports and `extends`.
import 'reflect-metadata';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { defineCache } from '../../src/cache/index.ts';
import { createApp } from '../../src/app/index.ts';
import { createDatabase, Database } from '../../src/index.ts';
import { defineModel } from '../../src/model/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection } from '../support/settled.ts';

interface PostRow {
  id: number;
  title: string;
}
const server = useTestDatabase('create table post (id serial primary key, title text not null)');
const post = defineModel<PostRow>({ table: 'post', key: 'id' });
const postCache = defineCache<PostRow, number>({ name: 'post' });
const app = createApp(createDatabase({ clients: { default: server.client({ max: 1 }) } }), {
  models: { post },
  caches: { post: postCache },
});
afterAll(() => app.close());
beforeEach(() => server.sql('truncate post restart identity'));

const titles = async (): Promise<unknown[]> =>
  (await server.sql('select title from post order by id')).map(({ title }) => title);
/** Ends a sample with an error, so that what it did is rolled back. */
class Declined extends Error {}

describe('enabling a transaction with a decorator', () => {
  class ServicePost extends app.Bean {
    fails = false;

    @Database.transaction()
    async transaction(): Promise<void> {
      // insert
      const post = await this.scope.model.post.insert({
        title: 'Post001',
      });
      // update
      await this.scope.model.post.update({
        id: post.id,
        title: 'Post001-Update',
      });
      if (this.fails) throw new Declined();
    }
  }

  it('commits both, or none', async () => {
    await new ServicePost().transaction();
    expect(await titles()).toEqual(['Post001-Update']);
    const failing = new ServicePost();
    failing.fails = true;
    expect(await rejection(failing.transaction())).toBeInstanceOf(Declined);
    expect(await titles()).toEqual(['Post001-Update']);
  });
});

describe('enabling a transaction by hand', () => {
  class ServicePost extends app.Bean {
    async transactionManually(): Promise<void> {
      const db = this.bean.database.current;
      await db.transaction.begin(async () => {
        await this.scope.model.post.update({ id: 1, title: 'Post001_Update' });
      });
    }

    async withDatasource(): Promise<void> {
      const db = this.bean.database.getDb({ clientName: 'default' });
      await db.transaction.begin(async () => {
        const modelPost = this.scope.model.post.newInstance(db);
        await modelPost.update({ id: 1, title: 'Post001_Update' });
      });
    }
  }

  it.each(['transactionManually', 'withDatasource'] as const)('%s', async (sample) => {
    await app.scope.model.post.insert({ title: 'Post001' });
    await new ServicePost()[sample]();
    expect(await titles()).toEqual(['Post001_Update']);
  });
});

describe('parameters', () => {
  class ServicePost extends app.Bean {
    @Database.transaction({
      isolationLevel: 'READ_COMMITTED',
      propagation: 'REQUIRED',
    })
    async transaction(): Promise<string | undefined> {
      return this.ctx.db.transaction.active?.isolationLevel;
    }

    async transactionManually(): Promise<string | undefined> {
      const db = this.bean.database.getDb({ clientName: 'default' });
      return await db.transaction.begin(async () => db.transaction.active?.isolationLevel, {
        isolationLevel: 'READ_COMMITTED',
        propagation: 'REQUIRED',
      });
    }

    @Database.transaction({ propagation: 'MANDATORY' })
    async mandatory(): Promise<void> {}

    @Database.transaction({ propagation: 'NEVER' })
    async never(): Promise<void> {}

    @Database.transaction({ propagation: 'REQUIRES_NEW' })
    async independent(): Promise<void> {
      await this.scope.model.post.insert({ title: 'stays' });
    }
  }
  const service = new ServicePost();

  it('of the decorator and of begin', async () => {
    expect(await service.transaction()).toBe('READ_COMMITTED');
    expect(await service.transactionManually()).toBe('READ_COMMITTED');
  });

  it('propagation', async () => {
    expect(await rejection(service.mandatory())).toMatchObject({ code: 'TRANSACTION_REQUIRED' });
    await rejection(
      app.database.transaction(async () => {
        expect(await rejection(service.never())).toMatchObject({ code: 'TRANSACTION_NOT_ALLOWED' });
        await service.mandatory();
        await service.independent();
        await app.scope.model.post.insert({ title: 'goes' });
        throw new Declined();
      }),
    );
    expect(await titles()).toEqual(['stays']);
  });
});

describe('compensation', () => {
  class ServicePost extends app.Bean {
    readonly seen: string[] = [];

    @Database.transaction()
    async transaction(fails: boolean): Promise<void> {
      this.bean.database.current.commit(async () => {
        // do something when success
        this.seen.push('success');
      });
      this.bean.database.current.compensate(async () => {
        // do something when failed
        this.seen.push('failed');
      });
      if (fails) throw new Declined();
    }
  }

  it('runs after a success, or after a failure', async () => {
    const service = new ServicePost();
    await service.transaction(false);
    await rejection(service.transaction(true));
    expect(service.seen).toEqual(['success', 'failed']);
  });
});

describe('transaction and cache', () => {
  class ServicePost extends app.Bean {
    @Database.transaction()
    async transaction(fails: boolean): Promise<number> {
      // insert
      const post = await this.scope.model.post.insert({
        title: 'Post001',
      });
      // cache
      await this.scope.cacheRedis.post.set(post, post.id);
      if (fails) throw new Declined();
      return post.id;
    }

    async transactionManually(fails: boolean): Promise<number> {
      const db = this.bean.database.getDb({ clientName: 'default' });
      return await db.transaction.begin(async () => {
        const modelPost = this.scope.model.post.newInstance(db);
        const post = await modelPost.insert({ title: 'Post001' });
        await this.scope.cacheRedis.post.set(post, post.id, { db });
        if (fails) throw new Declined();
        return post.id;
      });
    }
  }

  it.each(['transaction', 'transactionManually'] as const)('%s: both are there, or none', async (sample) => {
    await app.scope.cacheRedis.post.clear();
    const service = new ServicePost();
    const id = await service[sample](false);
    expect(await service.scope.cacheRedis.post.get(id)).toEqual({ id, title: 'Post001' });
    await rejection(service[sample](true));
    expect(await service.scope.cacheRedis.post.get(id + 1)).toBeUndefined();
    expect(await titles()).toEqual(['Post001']);
  });
});
