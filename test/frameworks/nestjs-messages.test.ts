import 'reflect-metadata';
import { Controller, type INestMicroservice } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  type ClientProxy,
  ClientProxyFactory,
  MessagePattern,
  type MicroserviceOptions,
  NatsRecordBuilder,
  Transport,
} from '@nestjs/microservices';
import { headers as natsHeaders } from '@nats-io/transport-node';
import { randomUUID } from 'node:crypto';
import { lastValueFrom, of, toArray } from 'rxjs';
import { afterEach, describe, expect, it } from 'vitest';
import { InjectDatabase, RequestModule, SluiceModule, Transactional } from '../../src/frameworks/nestjs/index.ts';
import { messageHeaders } from '../../src/frameworks/nestjs/requests/message-headers.ts';
import { createContextCarrier, currentContext, type Database, withContext } from '../../src/index.ts';
import { useTestDatabase } from '../support/database.ts';
import { describeWith, natsUrl } from '../support/servers.ts';
import { rejection } from '../support/settled.ts';
import { rootModule } from './nestjs-support.ts';

const server = useTestDatabase();
const secret = 'a secret of the system';
const prefix = randomUUID();
const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

@Controller()
class Prices {
  constructor(@InjectDatabase() readonly database: Database) {}

  @MessagePattern(`${prefix}.context`)
  context(): object {
    return { tenant: currentContext().tenant };
  }

  @MessagePattern(`${prefix}.many`)
  many(): unknown {
    return of(1, 2, 3);
  }

  @MessagePattern(`${prefix}.slow`)
  @Transactional()
  async slow(): Promise<void> {
    await this.database.query('select pg_sleep(30)');
  }
}

async function start(): Promise<{
  readonly app: INestMicroservice;
  readonly client: ClientProxy;
  readonly database: Database;
}> {
  const database = server.open({ max: 1 });
  const root = rootModule({
    imports: [SluiceModule.forRoot({ database }), RequestModule.forRoot({ secret })],
    controllers: [Prices],
  });
  const options: MicroserviceOptions = { transport: Transport.NATS, options: { servers: [natsUrl] } };
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(root, { ...options, logger: false });
  await app.listen();
  const client = ClientProxyFactory.create(options as never) as unknown as ClientProxy;
  open.push(client, app);
  return { app, client, database };
}

await describeWith('NATS', 'messages', () => {
  it('bring their context', async () => {
    const { client, database } = await start();
    const { injectContext } = createContextCarrier(database, { secret });
    const headers = await withContext({ tenant: 'acme' }, async () => injectContext(natsHeaders()));
    const record = new NatsRecordBuilder({}).setHeaders(headers).build();
    expect(await lastValueFrom(client.send(`${prefix}.context`, record))).toEqual({ tenant: 'acme' });
    expect(await lastValueFrom(client.send(`${prefix}.context`, {}))).toEqual({});
    expect(await lastValueFrom(client.send(`${prefix}.many`, {}).pipe(toArray()))).toEqual([1, 2, 3]);
    // The second time it is a replay.
    const error = await rejection(lastValueFrom(client.send(`${prefix}.context`, record)));
    expect(error).toMatchObject({ status: 'error', code: 'INVALID_CONTEXT' });
  });

  it('bring their deadline', async () => {
    const { client } = await start();
    const headers = natsHeaders();
    headers.set('sluice-timeout', '100');
    const record = new NatsRecordBuilder({}).setHeaders(headers).build();
    const error = await rejection(lastValueFrom(client.send(`${prefix}.slow`, record)));
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });
});

describe('the headers of a message', () => {
  it.each<[string, object | undefined, object]>([
    ['RabbitMQ', { getMessage: () => ({ properties: { headers: { a: '1' } }, fields: {} }) }, { a: '1' }],
    [
      'RabbitMQ, handed out again',
      { getMessage: () => ({ properties: { headers: { a: '1' } }, fields: { redelivered: true } }) },
      {},
    ],
    ['Kafka', { getMessage: () => ({ headers: { a: Buffer.from('1') } }) }, { a: '1' }],
    ['MQTT', { getPacket: () => ({ properties: { userProperties: { a: '1' } } }) }, { a: '1' }],
    ['gRPC', { getMap: () => ({ a: '1' }) }, { a: '1' }],
    ['TCP', { getPattern: () => 'x' }, {}],
    ['nothing', undefined, {}],
  ])('of %s', (_transport, context, expected) => {
    expect(messageHeaders(context)).toEqual(expected);
  });
});
