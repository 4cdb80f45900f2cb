import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module';

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule.forRoot({ workers: false }), { logger: ['error', 'warn'] });
  // With 0 as its exit code, and not the signal.
  app.enableShutdownHooks([], { useProcessExit: true });
  await app.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
  console.log(await app.getUrl());
}

void main();
