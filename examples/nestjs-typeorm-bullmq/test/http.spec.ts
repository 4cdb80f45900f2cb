import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { Database } from 'sluice';
import { getDatabaseToken } from 'sluice/nestjs';
import { rolledBack, testHeaders } from 'sluice/testing';
import supertest from 'supertest';
import { DataSource } from 'typeorm';
import { AppModule } from '../src/app.module';
import { Order, Product } from '../src/orders/entities';
import { freshDatabase } from './support';

const { DATABASE_URL } = process.env;
let app: INestApplication;
let url: string;
let drop: () => Promise<void>;

beforeAll(async () => {
  const fresh = await freshDatabase();
  drop = fresh.drop;
  process.env.DATABASE_URL = fresh.url;
  const testing = await Test.createTestingModule({ imports: [AppModule.forRoot({ workers: false })] }).compile();
  app = testing.createNestApplication();
  await app.listen(0, '127.0.0.1');
  url = await app.getUrl();
});
afterAll(async () => {
  await app.close();
  process.env.DATABASE_URL = DATABASE_URL;
  await drop();
});

/** A test whose requests, with `testHeaders()`, are in its transaction, and are rolled back with it. */
function test(name: string, body: () => Promise<void>): void {
  it(name, () => rolledBack(app.get<Database>(getDatabaseToken()), body));
}
const repository = <Row extends object>(entity: new () => Row) => app.get(DataSource).getRepository(entity);
const place = (productId: string) => supertest(url).post('/orders').set(testHeaders()).send({ productId });

// Twice: what the first round wrote is not there for the second.
for (const round of [1, 2]) {
  test(`an order is placed, and found, round ${round}`, async () => {
    await repository(Product).insert({ id: 'pen', stock: 1, price: 3 });
    const { body: order } = await place('pen').expect(201);
    await supertest(url).get(`/orders/${order.id}`).set(testHeaders()).expect(200, order);
    expect(await repository(Product).findOneByOrFail({ id: 'pen' })).toMatchObject({ stock: 0 });
  });
}

test('what is sold out is refused, and leaves no order', async () => {
  await repository(Product).insert({ id: 'pen', stock: 1, price: 3 });
  await place('pen').expect(201);
  await place('pen').expect(409);
  expect(await repository(Order).count()).toBe(1);
});

test('of many checkouts at once as many are placed as there are pens', async () => {
  await repository(Product).insert({ id: 'pen', stock: 5, price: 3 });
  const answers = await Promise.all(Array.from({ length: 20 }, () => place('pen')));
  const count = (status: number) => answers.filter((answer) => answer.status === status).length;
  expect([count(201), count(409)]).toEqual([5, 15]);
});

test('fetch works as well', async () => {
  await repository(Product).insert({ id: 'ink', stock: 0, price: 7 });
  const answer = await fetch(`${url}/products/ink/price`, { headers: testHeaders() });
  expect(await answer.json()).toEqual({ price: 7 });
});

it('nothing of the tests stays, and requests without the header see nothing of it', async () => {
  expect(await repository(Product).count()).toBe(0);
  expect(await repository(Order).count()).toBe(0);
  await supertest(url).post('/orders').send({ productId: 'pen' }).expect(409);
});
