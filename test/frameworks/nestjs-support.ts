import type { INestApplication, INestApplicationContext, ModuleMetadata } from '@nestjs/common';
import { Module } from '@nestjs/common';
import { type AbstractHttpAdapter, NestFactory } from '@nestjs/core';
import type { AddressInfo } from 'node:net';
import { afterEach } from 'vitest';

const open: INestApplicationContext[] = [];
afterEach(async () => {
  for (const app of open.splice(0)) await app.close();
});

/** A root module of these parts. */
export function rootModule(metadata: ModuleMetadata): new () => object {
  @Module(metadata)
  class AppModule {}
  return AppModule;
}

/** Starts an application without servers; it is closed after the test. */
export async function startContext(metadata: ModuleMetadata): Promise<INestApplicationContext> {
  const app = await NestFactory.createApplicationContext(rootModule(metadata), { logger: false, abortOnError: false });
  open.push(app);
  return app;
}

/** Starts an application that listens; it is closed after the test. */
export async function listen(
  metadata: ModuleMetadata,
  adapter?: AbstractHttpAdapter,
): Promise<{ readonly app: INestApplication; readonly url: string }> {
  const options = { logger: false, abortOnError: false } as const;
  const root = rootModule(metadata);
  const app = await (adapter === undefined
    ? NestFactory.create(root, options)
    : NestFactory.create(root, adapter, options));
  open.push(app);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  return { app, url: `http://127.0.0.1:${port}` };
}
