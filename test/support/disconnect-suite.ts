import { request } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { kits, type Running } from '../frameworks/kits.ts';
import { engine, insert, useTestDatabase } from './database.ts';
import { ask, sendRaw } from './http-client.ts';
import { signal, until } from './settled.ts';

const rounds = 30;
/** Milliseconds after which a statement of a client that has left is cancelled, at the median. */
const bound = 100;
const sleep = engine.sql.sleep(30);

/** What happens on a server when the client of a request leaves. */
export function describeDisconnects(): void {
  const server = useTestDatabase();
  const running: Running[] = [];
  afterEach(async () => {
    await Promise.all(running.splice(0).map((each) => each.close()));
  });

  describe.each(kits.map((kit) => [kit.name, kit] as const))('a client of %s that leaves', (_, kit) => {
    it(`has its statement cancelled on the server within ${bound} ms`, async () => {
      const database = await server.connect({ max: 1 });
      const work = async (id: number): Promise<number> => {
        await insert(database, id);
        if (id > 0) await database.query(sleep);
        return 200;
      };
      const made = await kit.start({ database, work });
      running.push(made);
      const took: number[] = [];
      const control: number[] = [];
      for (let round = 1; round <= rounds; round += 1) {
        const sent = ask(made.port, 'POST', `/orders/${round}`);
        sent.catch(() => {});
        await until('the statement runs', async () => (await server.running(sleep)) === 1);
        const left = performance.now();
        sent.leave();
        await until('it is cancelled', async () => (await server.running(sleep)) === 0);
        took.push(performance.now() - left);
        await until('its connection is back', () => database.stats().clients.default.used === 0);
        // What a request costs here at this time, with as much looking at the server.
        const begun = performance.now();
        await ask(made.port, 'POST', '/orders/0');
        await server.running(sleep);
        control.push(performance.now() - begun);
        await server.sql('delete from product where id = 0');
      }
      expect(median(took)).toBeLessThan(bound + median(control));
      expect(await server.products()).toEqual([]);
    });

    it('is noticed while an earlier request on its connection is not answered yet', async () => {
      const database = await server.connect({ max: 1 });
      const mayAnswer = signal();
      const work = async (id: number): Promise<number> => {
        if (id === 1) await mayAnswer.promise;
        else {
          await insert(database, id);
          await database.query(sleep);
        }
        return 200;
      };
      const made = await kit.start({ database, work });
      running.push(made);
      const head = (line: string): string => `${line} HTTP/1.1\r\nhost: shop\r\ncontent-length: 0\r\n\r\n`;
      const { socket } = await sendRaw(made.port, head('GET /alone/1') + head('POST /orders/2'));
      await until('the statement runs', async () => (await server.running(sleep)) === 1);
      socket.destroy();
      await until('it is cancelled', async () => (await server.running(sleep)) === 0);
      await until('its connection is back', () => database.stats().clients.default.used === 0);
      mayAnswer.fire();
      expect(await server.products()).toEqual([]);
    });

    it('is noticed on a connection that is kept alive, request after request', async () => {
      const database = await server.connect({ max: 1 });
      const warnings: Error[] = [];
      const onWarning = (warning: Error): void => void warnings.push(warning);
      process.on('warning', onWarning);
      const work = async (id: number): Promise<number> => {
        await insert(database, id);
        if (id === 40) await database.query(sleep);
        return 200;
      };
      const made = await kit.start({ database, work });
      running.push(made);
      const requests = Array.from(
        { length: 40 },
        (__, at) => `POST /orders/${at + 1} HTTP/1.1\r\nhost: shop\r\ncontent-length: 0\r\n\r\n`,
      );
      const { socket } = await sendRaw(made.port, requests.join(''));
      await until('the last statement runs', async () => (await server.running(sleep)) === 1);
      socket.destroy();
      await until('it is cancelled', async () => (await server.running(sleep)) === 0);
      await until('its connection is back', () => database.stats().clients.default.used === 0);
      expect(await server.products()).toEqual(Array.from({ length: 39 }, (__, at) => at + 1));
      process.off('warning', onWarning);
      expect(warnings).toEqual([]);
    });

    it('ends the transaction of a handler that never answers', async () => {
      const database = await server.connect({ max: 1 });
      const begun = signal();
      const work = async (id: number): Promise<number> => {
        await insert(database, id);
        begun.fire();
        return await new Promise<never>(() => {});
      };
      const made = await kit.start({ database, work });
      running.push(made);
      const sent = request({ port: made.port, host: '127.0.0.1', method: 'POST', path: '/orders/1' }).end();
      sent.once('error', () => {});
      await begun.promise;
      expect(database.stats().clients.default.used).toBe(1);
      sent.destroy();
      await until('its connection is back', () => database.stats().clients.default.used === 0);
      expect(await server.products()).toEqual([]);
    });
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
