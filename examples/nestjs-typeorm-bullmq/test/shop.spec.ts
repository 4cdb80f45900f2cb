import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { Database } from 'sluice';
import { getDatabaseToken } from 'sluice/nestjs';
import { rolledBack } from 'sluice/testing';
import { DataSource } from 'typeorm';
import { AppModule } from '../src/app.module';
import { CatalogueService } from '../src/orders/catalogue.service';
import { Order, Product } from '../src/orders/entities';
import { OrdersService } from '../src/orders/orders.service';
import { PaymentsService } from '../src/orders/payments.service';
import { freshDatabase } from './support';

const { DATABASE_URL } = process.env;
let app: INestApplication;
let drop: () => Promise<void>;

beforeAll(async () => {
  const fresh = await freshDatabase();
  drop = fresh.drop;
  process.env.DATABASE_URL = fresh.url;
  const testing = await Test.createTestingModule({ imports: [AppModule.forRoot({ workers: false })] }).compile();
  app = testing.createNestApplication();
  await app.init();
});
afterAll(async () => {
  await app.close();
  process.env.DATABASE_URL = DATABASE_URL;
  await drop();
});

/** A test that is rolled back. The application, and with it the database, is there when it runs. */
function test(name: string, body: () => Promise<void>): void {
  it(name, () => rolledBack(app.get<Database>(getDatabaseToken()), body));
}
const repository = <Row extends object>(entity: new () => Row) => app.get(DataSource).getRepository(entity);

test('a checkout takes from the stock, and is paid', async () => {
  await repository(Product).insert({ id: 'pen', stock: 1, price: 3 });
  const order = await app.get(OrdersService).checkout('pen');
  expect(await repository(Product).findOneByOrFail({ id: 'pen' })).toMatchObject({ stock: 0 });
  expect(await app.get(PaymentsService).pay({ orderId: order.id })).toBe(3);
  expect(await repository(Order).findOneByOrFail({ id: order.id })).toMatchObject({ paid: true });
});

test('what is sold out leaves no order', async () => {
  await repository(Product).insert({ id: 'pen', stock: 0, price: 3 });
  await expect(app.get(OrdersService).checkout('pen')).rejects.toThrow('sold out');
  expect(await repository(Order).count()).toBe(0);
});

test('a price is new for everybody when it is set', async () => {
  const catalogue = app.get(CatalogueService);
  await repository(Product).insert({ id: 'pen', stock: 0, price: 3 });
  expect(await catalogue.priceOf('pen')).toBe(3);
  await catalogue.setPrice('pen', 4);
  expect(await catalogue.priceOf('pen')).toBe(4);
});

it('nothing of the tests stays', async () => {
  expect(await repository(Product).count()).toBe(0);
});
