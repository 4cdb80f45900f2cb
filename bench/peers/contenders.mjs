// Other packages for ambient transactions, on TypeORM, as their documentation says. They are installed here alone.
import 'reflect-metadata';
import { TransactionHost, ClsPluginTransactional } from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { NestFactory } from '@nestjs/core';
import { ClsModule, ClsService } from 'nestjs-cls';
import { DataSource } from 'typeorm';
import { addTransactionalDataSource, initializeTransactionalContext, runInTransaction } from 'typeorm-transactional';

/** Each runs a body in a transaction, and gives it a function that sends a statement in that. */
export async function openPeers(url, poolSize) {
  initializeTransactionalContext();
  const patched = addTransactionalDataSource(new DataSource({ type: 'postgres', url, poolSize }));
  const hosted = new DataSource({ type: 'postgres', url, poolSize });
  await Promise.all([patched.initialize(), hosted.initialize()]);
  const source = {
    module: SourceModule,
    providers: [{ provide: 'DATA_SOURCE', useValue: hosted }],
    exports: ['DATA_SOURCE'],
  };
  const adapter = new TransactionalAdapterTypeOrm({ dataSourceToken: 'DATA_SOURCE' });
  const plugin = new ClsPluginTransactional({ imports: [source], adapter });
  const root = { module: RootModule, imports: [ClsModule.forRoot({ plugins: [plugin] })] };
  const app = await NestFactory.createApplicationContext(root, { logger: false });
  const host = app.get(TransactionHost);
  const cls = app.get(ClsService);
  return {
    contenders: [
      {
        name: 'typeorm-transactional',
        run: (body) => runInTransaction(body),
        query: (text, values) => patched.manager.query(text, values),
      },
      {
        name: '@nestjs-cls/transactional',
        // A request has its context already; here each call opens one.
        run: (body) => (cls.isActive() ? host.withTransaction(body) : cls.run(() => host.withTransaction(body))),
        query: (text, values) => host.tx.query(text, values),
      },
    ],
    async close() {
      await app.close();
      await Promise.all([patched.destroy(), hosted.destroy()]);
    },
  };
}

// Nest names modules by classes.
function SourceModule() {}
function RootModule() {}
