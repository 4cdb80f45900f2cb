import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module';

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule.forRoot({ workers: true }), {
    logger: ['error', 'warn'],
  });
  // With 0 as its exit code, and not the signal.
  app.enableShutdownHooks([], { useProcessExit: true });
  console.log('works');
}

void main();
