import { describe, expectTypeOf, it } from 'vitest';
import { createEvents, defineEvent } from '../../src/events/index.ts';
import type { Database } from '../../src/index.ts';
import { defineTopic } from '../../src/outbox/index.ts';
import { memory } from '../../src/queue/engines/memory/index.ts';
import { createJobs, defineQueue, type Jobs } from '../../src/queue/index.ts';
import { defineSaga } from '../../src/saga/index.ts';

interface Order {
  readonly id: number & { readonly brand: 'order' };
  readonly at: Date;
  readonly lines?: readonly { readonly until: Date }[] | undefined;
  total(): number;
}
interface ArrivedOrder {
  readonly id: number & { readonly brand: 'order' };
  readonly at: string;
  readonly lines?: readonly { readonly until: string }[] | undefined;
}

declare const database: Database;
const parse = (value: unknown): Order => value as Order;

describe('what travels as JSON has the types that it arrives with', () => {
  it('a payload of an event, unless it is parsed', () => {
    const events = (): ReturnType<typeof createEvents> => createEvents(database);
    const placed = defineEvent<Order>('order.placed');
    expectTypeOf(() => events().publish(placed, {} as Order)).returns.resolves.toBeVoid();
    expectTypeOf(() =>
      events().on(placed, { phase: 'afterCommit' }, (order) => {
        expectTypeOf(order).toEqualTypeOf<ArrivedOrder>();
      }),
    ).toBeFunction();
    expectTypeOf(() =>
      events().on(defineEvent<Order>('order.paid', { parse }), { phase: 'durable', id: 'x' }, (order) => {
        expectTypeOf(order).toEqualTypeOf<Order>();
      }),
    ).toBeFunction();
  });

  it('a message of a topic, unless it is parsed', () => {
    expectTypeOf(defineTopic<Order>('orders').parse).returns.resolves.toEqualTypeOf<ArrivedOrder>();
    expectTypeOf(defineTopic<Order>('orders', { parse }).parse).returns.resolves.toEqualTypeOf<Order>();
  });

  it('the data and the result of a job', () => {
    const queues = { invoice: defineQueue<Order, Order>('invoice') };
    const jobs = (): Jobs<typeof queues> => createJobs(database, { engine: memory(), queues });
    expectTypeOf(() => jobs().queues.invoice.pushAsync({} as Order)).returns.resolves.toEqualTypeOf<ArrivedOrder>();
    expectTypeOf(
      async () => await (await jobs().queues.invoice.push({} as Order)).result(),
    ).returns.resolves.toEqualTypeOf<ArrivedOrder>();
    const handle = () =>
      jobs()
        .worker()
        .handle(queues.invoice, (order) => {
          expectTypeOf(order).toEqualTypeOf<ArrivedOrder>();
          return parse(order);
        });
    expectTypeOf(handle).toBeFunction();
  });

  it('the input of a saga, which is declared as it arrives', () => {
    expectTypeOf(defineSaga('checkout', async (saga, order: ArrivedOrder) => `${saga.id} ${order.at}`)).toBeObject();
    expectTypeOf(defineSaga('checkout', async (saga) => saga.id)).toBeObject();
    // @ts-expect-error a date arrives as text
    expectTypeOf(defineSaga('checkout', async (saga, order: Order) => `${saga.id} ${order.id}`)).toBeObject();
  });
});
