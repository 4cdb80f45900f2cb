import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module';

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule.forRoot({ workers: true }), {
    logger: ['error', 'warn'],
  });
  app.enableShutdownHooks();
  console.log('works');
}

void main();
