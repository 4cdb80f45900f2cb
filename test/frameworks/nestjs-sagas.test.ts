import 'reflect-metadata';
import { Controller, Injectable, Module, Param, Post } from '@nestjs/common';
import { once } from 'node:events';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { postgres } from '../../src/drivers/postgres/index.ts';
import {
  getSagasToken,
  InjectDatabase,
  InjectQueue,
  InjectSagas,
  JobHandler,
  JobsModule,
  SagasModule,
  SluiceModule,
  Transactional,
} from '../../src/frameworks/nestjs/index.ts';
import type { Database } from '../../src/index.ts';
import { defineQueue, type Queue } from '../../src/queue/index.ts';
import { SagaDriver } from '../../src/saga/driver.ts';
import { createSagaTables, defineSaga, findSaga, type Sagas } from '../../src/saga/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { rejection, signal, until } from '../support/settled.ts';
import { listen, startContext } from './nestjs-support.ts';

const server = useTestDatabase();
beforeAll(() => createSagaTables(server.open().current));
const quick = { pollInterval: 20, retryDelay: 10, lease: 2_000 } as const;

/** Steps that need what Nest has made. */
@Injectable()
class Checkout {
  constructor(@InjectDatabase() private readonly database: Database) {}

  readonly checkout = defineSaga('checkout', async (saga, order: { id: number }) => {
    await saga.step('reserve', () => this.add(order.id), { compensate: () => this.remove(order.id) });
    const { by } = await saga.waitFor<{ by: string }>('approval');
    if (by === 'nobody') throw new Error('declined');
    return await saga.step('confirm', () => `${order.id} by ${by}`);
  });

  private async add(id: number): Promise<void> {
    await this.database.query('insert into product (id) values ($1)', [id]);
  }
  private async remove(id: number): Promise<void> {
    await this.database.query('delete from product where id = $1', [id]);
  }
}
type ShopSagas = Sagas<Pick<Checkout, 'checkout'>>;

@Controller('orders')
class Orders {
  constructor(
    @InjectDatabase() private readonly database: Database,
    @InjectSagas() readonly sagas: ShopSagas,
  ) {}

  @Post(':id')
  @Transactional()
  async place(@Param('id') id: string): Promise<{ id: string }> {
    const { id: saga } = await this.sagas.checkout.start({ id: Number(id) }, { id: `order-${id}` });
    await this.database.query('select 1');
    if (id === '13') throw new Error('refused');
    return { id: saga };
  }

  @Post(':id/approval/:by')
  async approve(@Param('id') id: string, @Param('by') by: string): Promise<void> {
    await this.sagas.checkout.get(id).signal('approval', { by });
  }
}

/** It has both: what the steps need, and what starts sagas. */
@Module({ providers: [Checkout], exports: [Checkout], controllers: [Orders] })
class ShopModule {}

const shop = () => [
  SluiceModule.forRoot({ database: server.open({ max: 2 }) }),
  ShopModule,
  SagasModule.forRootAsync({
    imports: [ShopModule],
    inject: [Checkout],
    useFactory: ({ checkout }: Checkout) => ({ sagas: { checkout }, ...quick }),
  }),
];
const post = async (url: string): Promise<number> => (await fetch(url, { method: 'POST' })).status;

describe('SagasModule', () => {
  it('drives sagas whose steps use providers, from requests that start and signal them', async () => {
    const { app, url } = await listen({ imports: shop() });
    const { sagas } = app.get(Orders);
    expect(sagas).toBe(app.get(getSagasToken()));
    expect(await post(`${url}/orders/1`)).toBe(201);
    // Nothing awaits it: the application drives it by itself.
    await until('it has reserved', async () => (await server.products()).length === 1);
    expect(await post(`${url}/orders/order-1/approval/Ada`)).toBe(201);
    expect(await sagas.checkout.get('order-1').result()).toBe('1 by Ada');

    expect(await post(`${url}/orders/2`)).toBe(201);
    expect(await post(`${url}/orders/order-2/approval/nobody`)).toBe(201);
    const error = await rejection(sagas.checkout.get('order-2').result());
    expect(error).toMatchObject({ code: 'SAGA_FAILED', cause: { message: 'declined' } });
    expect(await server.products()).toEqual([1]);
  });

  it('starts none with a request that is rolled back', async () => {
    const { app, url } = await listen({ imports: shop() });
    expect(await post(`${url}/orders/13`)).toBe(500);
    expect(await rejection(app.get(Orders).sagas.checkout.get('order-13').status())).toMatchObject({
      code: 'SAGA_NOT_FOUND',
    });
  });

  it('drives none where it has no workers, until one is awaited', async () => {
    const of = async (workers: boolean, name: string) => {
      const later = defineSaga('later', async (saga) => await saga.step('one', () => name));
      const app = await startContext({
        imports: [
          SluiceModule.forRoot({ database: server.open() }),
          SagasModule.forRoot({ sagas: { later }, workers, name, ...quick }),
        ],
      });
      return app.get<Sagas<{ later: typeof later }>>(getSagasToken(name)).later;
    };
    const idle = await of(false, 'idle');
    // Where sagas are driven, this one would be so at once.
    await idle.start(undefined, { id: 'a' });
    const busy = await of(true, 'busy');
    await until('it is driven', async () => (await idle.get('a').status()).status === 'completed');
    expect(await busy.get('a').result()).toBe('busy');
    expect(await idle.run(undefined, { id: 'b' })).toMatch(/idle|busy/);
  });

  it('ends a step, and the job that it awaits, before the application has ended', async () => {
    const [begun, released] = [signal(), signal()];
    const double = defineQueue<number, number>('double');
    @Injectable()
    class Doubles {
      constructor(@InjectQueue(double) private readonly queue: Queue<number, number>) {}

      @JobHandler(double)
      double(data: number): number {
        return 2 * data;
      }

      readonly slow = defineSaga('slow', async (saga) => {
        return await saga.step('one', async () => {
          begun.fire();
          await released.promise;
          return await this.queue.pushAsync(4);
        });
      });
    }
    @Module({ providers: [Doubles], exports: [Doubles] })
    class DoublesModule {}
    const app = await startContext({
      imports: [
        SluiceModule.forRoot({ clients: { default: postgres({ connectionString: server.url }) } }),
        SagasModule.forRootAsync({
          imports: [DoublesModule],
          inject: [Doubles],
          useFactory: ({ slow }: Doubles) => ({ sagas: { slow }, ...quick }),
        }),
        JobsModule.forRoot({ queues: { double } }),
      ],
    });
    await app.get<Sagas<Pick<Doubles, 'slow'>>>(getSagasToken()).slow.start(undefined, { id: 'a' });
    await begun.promise;
    using stop = vi.spyOn(SagaDriver.prototype, 'stop');
    const closed = app.close();
    // If workers ended before sagas, they would have done so by then.
    await until('sagas are to end', () => stop.mock.calls.length > 0);
    released.fire();
    await closed;
    expect(await findSaga(server.open().current, 'slow', 'a')).toMatchObject({
      status: 'completed',
      steps: [{ name: 'one', state: 'done' }],
    });
  });

  it('gives back what does not end in time, for another process', async () => {
    const begun = signal();
    let runs = 0;
    const endless = defineSaga('endless', async (saga) => {
      return await saga.step('one', async (step) => {
        runs += 1;
        begun.fire();
        if (runs === 1) await once(step.signal, 'abort');
        return runs;
      });
    });
    const start = () =>
      startContext({
        imports: [
          SluiceModule.forRoot({ database: server.open() }),
          SagasModule.forRoot({ sagas: { endless }, shutdownTimeout: 50, ...quick, lease: 60_000 }),
        ],
      });
    const first = await start();
    await first.get<Sagas<{ endless: typeof endless }>>(getSagasToken()).endless.start(undefined, { id: 'a' });
    await begun.promise;
    const closingAt = performance.now();
    await first.close();
    expect(performance.now() - closingAt).toBeLessThan(5_000);
    const second = await start();
    const { endless: calls } = second.get<Sagas<{ endless: typeof endless }>>(getSagasToken());
    expect(await calls.get('a').result({ timeout: 10_000 })).toBe(2);
  });

  it('refuses what cannot be when the application starts', async () => {
    const it = defineSaga('it', () => 1);
    const sluice = SluiceModule.forRoot({ database: server.open() });
    const two = [SagasModule.forRoot({ sagas: { it } }), SagasModule.forRoot({ sagas: { it } })];
    expect(await rejection(startContext({ imports: [sluice, ...two] }))).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('two sagas named "default"') as string,
    });
    const elsewhere = SagasModule.forRoot({ sagas: { it }, database: 'nowhere' });
    expect(await rejection(startContext({ imports: [sluice, elsewhere] }))).toMatchObject({ code: 'UNKNOWN_DATABASE' });
    const wrong = SagasModule.forRootAsync({ useFactory: () => ({ sagas: { it }, lease: 0 }) });
    expect(await rejection(startContext({ imports: [sluice, wrong] }))).toMatchObject({ code: 'INVALID_OPTION' });
  });
});
