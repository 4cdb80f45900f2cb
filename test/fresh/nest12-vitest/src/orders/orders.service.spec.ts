import { Test, TestingModule } from '@nestjs/testing';
import { getRepositoryToken } from '@nestjs/typeorm';
import type { Database } from 'sluice';
import { getDatabaseToken } from 'sluice/nestjs';
import { createOutboxTables } from 'sluice/outbox';
import { rolledBack } from 'sluice/testing';
import { Repository } from 'typeorm';
import { AppModule } from '../app.module.js';
import { Order, Payment, Product } from './entities.js';
import { OrdersService } from './orders.service.js';
import { PaymentsService } from './payments.service.js';

describe('OrdersService', () => {
  let module: TestingModule;
  let products: Repository<Product>;
  let orders: Repository<Order>;

  beforeAll(async () => {
    module = await Test.createTestingModule({ imports: [AppModule] }).compile();
    await createOutboxTables(module.get<Database>(getDatabaseToken()).current);
    products = module.get(getRepositoryToken(Product));
    orders = module.get(getRepositoryToken(Order));
  });
  afterAll(async () => {
    await module.close();
  });

  /** A test that is rolled back. */
  function test(name: string, body: () => Promise<void>): void {
    it(name, () => rolledBack(module.get<Database>(getDatabaseToken()), body));
  }

  test('takes from the stock, and is paid once', async () => {
    await products.insert({ id: 'pen', stock: 1 });
    const { id } = await module.get(OrdersService).checkout('pen');
    expect(await products.findOneByOrFail({ id: 'pen' })).toMatchObject({ stock: 0 });
    await module.get(PaymentsService).pay({ orderId: id });
    expect(await orders.findOneByOrFail({ id })).toMatchObject({ paid: true });
  });

  test('leaves no order of what is sold out', async () => {
    await products.insert({ id: 'pen', stock: 0 });
    await expect(module.get(OrdersService).checkout('pen')).rejects.toThrow('sold out');
    expect(await orders.count()).toBe(0);
  });

  it('leaves nothing of the tests', async () => {
    expect(await products.count()).toBe(0);
    expect(await module.get<Repository<Payment>>(getRepositoryToken(Payment)).count()).toBe(0);
  });
});
