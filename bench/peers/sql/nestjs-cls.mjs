import 'reflect-metadata';
import { ClsPluginTransactional, Propagation, TransactionHost } from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { NestFactory } from '@nestjs/core';
import { ClsModule, ClsService } from 'nestjs-cls';
import { DataSource } from 'typeorm';

export const name = 'nestjs-cls on TypeORM';

export async function open({ url, width, update, read }) {
  const dataSource = new DataSource({ type: 'postgres', url, poolSize: width });
  await dataSource.initialize();
  const source = {
    module: SourceModule,
    providers: [{ provide: 'DATA_SOURCE', useValue: dataSource }],
    exports: ['DATA_SOURCE'],
  };
  const adapter = new TransactionalAdapterTypeOrm({ dataSourceToken: 'DATA_SOURCE' });
  const plugin = new ClsPluginTransactional({ imports: [source], adapter });
  const root = { module: RootModule, imports: [ClsModule.forRoot({ plugins: [plugin] })] };
  const app = await NestFactory.createApplicationContext(root, { logger: false });
  const host = app.get(TransactionHost);
  const cls = app.get(ClsService);
  // A request has its context already; here each call opens one.
  const within = (body) => (cls.isActive() ? body() : cls.run(body));
  const scope = {
    update: (id) => host.tx.query(update, [id]),
    nested: (inner) => host.withTransaction(Propagation.Nested, inner),
    joined: (inner) => host.withTransaction(inner),
  };
  return {
    run: (body, { isolation } = {}) =>
      within(() =>
        isolation === undefined
          ? host.withTransaction(() => body(scope))
          : host.withTransaction({ isolationLevel: isolation.toUpperCase() }, () => body(scope)),
      ),
    requiresNew: (body) => within(() => host.withTransaction(Propagation.RequiresNew, () => body(scope))),
    read: (id) => dataSource.manager.query(read, [id]),
    async close() {
      await app.close();
      await dataSource.destroy();
    },
  };
}

// Nest names modules by classes.
function SourceModule() {}
function RootModule() {}
