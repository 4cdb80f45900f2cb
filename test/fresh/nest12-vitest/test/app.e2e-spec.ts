import { INestApplication } from '@nestjs/common';
import { Test, TestingModule } from '@nestjs/testing';
import type { Database } from 'sluice';
import { getDatabaseToken } from 'sluice/nestjs';
import { rolledBack, testHeaders } from 'sluice/testing';
import request from 'supertest';
import { DataSource } from 'typeorm';
import { AppModule } from './../src/app.module.js';
import { Order, Product } from './../src/orders/entities.js';

describe('OrdersController (e2e)', () => {
  let app: INestApplication;

  beforeAll(async () => {
    const moduleFixture: TestingModule = await Test.createTestingModule({ imports: [AppModule] }).compile();
    app = moduleFixture.createNestApplication();
    await app.init();
  });
  afterAll(async () => {
    await app.close();
  });

  /** A test that is rolled back, with the requests that it sends. */
  function test(name: string, body: () => Promise<void>): void {
    it(name, () => rolledBack(app.get<Database>(getDatabaseToken()), body));
  }
  const count = (entity: typeof Order | typeof Product): Promise<number> =>
    app.get(DataSource).getRepository<Order | Product>(entity).count();
  const place = (headers: Record<string, string>): request.Test =>
    request(app.getHttpServer()).post('/orders').set(headers).send({ productId: 'pen' });

  test('/orders (POST)', async () => {
    await app.get(DataSource).getRepository(Product).insert({ id: 'pen', stock: 1 });
    const { body } = await place(testHeaders()).expect(201);
    await request(app.getHttpServer()).get(`/orders/${body.id}`).set(testHeaders()).expect(200);
    await place(testHeaders()).expect(409);
    expect(await count(Order)).toBe(1);
  });

  it('leaves nothing of its requests', async () => {
    expect(await count(Order)).toBe(0);
    expect(await count(Product)).toBe(0);
    await place({}).expect(409);
    expect(await count(Order)).toBe(0);
  });
});
