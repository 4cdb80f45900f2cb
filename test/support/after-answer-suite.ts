import { setTimeout as passed } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { currentContext, type Database } from '../../src/index.ts';
import { insert, type TestDatabase } from './database.ts';
import { ask } from './http-client.ts';
import { signal } from './settled.ts';

/** Answers 201 by the response of a framework, and may do something else afterwards. */
export type AnsweringHandler = (answer: () => void) => Promise<void> | void;
/** Serves a handler at `POST /`, in a transaction; returns the port. */
export type StartAnswering = (database: Database<'default'>, handler: AnsweringHandler) => Promise<number>;

/** What a handler of a route with a transaction does after it has answered belongs to its transaction. */
export function describeAfterAnswer(server: TestDatabase, name: string, serve: StartAnswering): void {
  describe(name, () => {
    let database: Database<'default'>;
    beforeEach(() => {
      database = server.open();
    });
    const start = (handler: AnsweringHandler): Promise<number> => serve(database, handler);

    it('commits what comes after the answer with what came before it', async () => {
      const port = await start(async (answer) => {
        await insert(database, 1);
        answer();
        await passed(20);
        await insert(database, 2);
      });
      expect((await ask(port, 'POST', '/')).status).toBe(201);
      expect(await server.products()).toEqual([1, 2]);
    });

    it('answers for an error that comes after the answer, and rolls back', async () => {
      const port = await start(async (answer) => {
        await insert(database, 1);
        answer();
        await passed(20);
        throw new Error('no stock');
      });
      const { status, text } = await ask(port, 'POST', '/');
      expect(status).toBe(500);
      expect(text).not.toMatch(/sold|no stock/);
      expect(await server.products()).toEqual([]);
    });

    it('answers for a statement that fails after the answer, although the handler catches it', async () => {
      const port = await start(async (answer) => {
        await insert(database, 1);
        answer();
        await database.query('select nothing from nowhere').catch(() => {});
      });
      expect((await ask(port, 'POST', '/')).status).toBe(500);
      expect(await server.products()).toEqual([]);
    });

    it('answers 504 for a deadline that passes after the answer', async () => {
      const port = await start(async (answer) => {
        await insert(database, 1);
        answer();
        await passed((currentContext().remaining ?? 0) + 20);
        await database.query('select 1');
      });
      const { status, text } = await ask(port, 'POST', '/', { 'sluice-timeout': '150' });
      expect(status).toBe(504);
      expect(text).not.toContain('sold');
      expect(await server.products()).toEqual([]);
    });

    it('commits at the answer of a handler that returns no promise, and refuses what comes after it', async () => {
      const [committed, refused] = [signal(), Promise.withResolvers<unknown>()];
      const port = await start((answer) => {
        insert(database, 1)
          .then(answer)
          .then(() => committed.promise)
          .then(() => insert(database, 2))
          .then(refused.resolve, refused.resolve);
      });
      expect((await ask(port, 'POST', '/')).status).toBe(201);
      committed.fire();
      expect(await refused.promise).toMatchObject({ code: 'TRANSACTION_ENDED' });
      expect(await server.products()).toEqual([1]);
    });
  });
}
