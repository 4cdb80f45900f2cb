// Clients of other servers that programs use: each call out of a transaction that holds a connection is told, and told once, also
// over a connection that was opened before it.
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { Agent, createServer, get } from 'node:http';
import { connect as connectHttp2, createServer as createHttp2Server, type Http2Session } from 'node:http2';
import { type AddressInfo, connect, type Server } from 'node:net';
import grpc from '@grpc/grpc-js';
import { NodeHttp2Handler, NodeHttpHandler } from '@smithy/node-http-handler';
import { HttpRequest } from '@smithy/protocol-http';
import axios from 'axios';
import { Redis } from 'ioredis';
import { Agent as UndiciAgent, request } from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { channelNames, type ForeignWaitEvent } from '../../src/index.ts';
import { insert, useTestDatabase } from '../support/database.ts';
import { redisUrl } from '../support/servers.ts';

const server = useTestDatabase();
const rpc = new grpc.Server();
let http1: Server;
let http2: Server;
let port: number;
let port2: number;
let rpcPort: number;
let events: ForeignWaitEvent[] = [];
const note = (event: unknown): void => void events.push(event as ForeignWaitEvent);
const sessions = new Set<Http2Session>();

const bytes = (value: Buffer): Buffer => value;
const greet = {
  path: '/shop.Greeter/Greet',
  requestStream: false,
  responseStream: false,
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};
const Greeter = grpc.makeGenericClientConstructor({ greet }, 'Greeter');

beforeAll(async () => {
  http1 = createServer((_request, response) => response.end('ok')).listen(0, '127.0.0.1');
  const plain = createHttp2Server((_request, response) => response.end('ok'));
  plain.on('session', (session) => sessions.add(session));
  http2 = plain.listen(0, '127.0.0.1');
  await Promise.all([once(http1, 'listening'), once(http2, 'listening')]);
  ({ port } = http1.address() as AddressInfo);
  ({ port: port2 } = http2.address() as AddressInfo);
  rpc.addService(
    { greet },
    { greet: (_call: unknown, answer: (error: null, value: Buffer) => void) => answer(null, Buffer.from('ok')) },
  );
  rpcPort = await new Promise((resolve, reject) => {
    rpc.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
});
afterAll(() => {
  rpc.forceShutdown();
  for (const session of sessions) session.destroy();
  http1.close();
  http2.close();
});
beforeEach(() => {
  events = [];
  subscribe(channelNames.foreignWait, note);
});
afterEach(() => {
  unsubscribe(channelNames.foreignWait, note);
});

/** Ends a client with its test. */
function ended<Client>(client: Client, end: (client: Client) => unknown): Client {
  onTestFinished(async () => {
    await end(client);
  });
  return client;
}

type Call = () => Promise<unknown>;

/** What a program makes once, and calls often: its connections are kept. */
const clients: Record<string, () => Call> = {
  fetch: () => () => fetch(`http://127.0.0.1:${port}/`).then((response) => response.text()),
  undici: () => {
    const dispatcher = ended(new UndiciAgent(), (agent) => agent.close());
    return () => request(`http://127.0.0.1:${port}/`, { dispatcher }).then(({ body }) => body.text());
  },
  'http with an agent': () => {
    const agent = ended(new Agent({ keepAlive: true }), (made) => made.destroy());
    return () =>
      new Promise((resolve) => {
        get({ port, host: '127.0.0.1', agent }, (answer) => answer.resume().on('end', resolve));
      });
  },
  axios: () => {
    const httpAgent = ended(new Agent({ keepAlive: true }), (agent) => agent.destroy());
    const client = axios.create({ httpAgent, proxy: false });
    return () => client.get(`http://127.0.0.1:${port}/`);
  },
  'axios over fetch': () => {
    const client = axios.create({ adapter: 'fetch' });
    return () => client.get(`http://127.0.0.1:${port}/`);
  },
  'the handler of the AWS SDK': () => {
    const handler = ended(new NodeHttpHandler(), (made) => made.destroy());
    return async () => {
      const { response } = await handler.handle(
        new HttpRequest({ protocol: 'http:', hostname: '127.0.0.1', port, path: '/', method: 'GET' }),
      );
      for await (const _ of response.body as AsyncIterable<unknown>);
    };
  },
};
/** Over HTTP/2. */
const clients2: Record<string, () => Call> = {
  http2: () => {
    const session = ended(connectHttp2(`http://127.0.0.1:${port2}`), (made) => made.destroy());
    return () => once(session.request({ ':path': '/' }).resume(), 'close');
  },
  'the handler of the AWS SDK for HTTP/2': () => {
    const handler = ended(new NodeHttp2Handler(), (made) => made.destroy());
    return async () => {
      const { response } = await handler.handle(
        new HttpRequest({ protocol: 'http:', hostname: '127.0.0.1', port: port2, path: '/', method: 'GET' }),
      );
      for await (const _ of response.body as AsyncIterable<unknown>);
    };
  },
  '@grpc/grpc-js': () => {
    const client = ended(new Greeter(`127.0.0.1:${rpcPort}`, grpc.credentials.createInsecure()), (made) =>
      made.close(),
    );
    return () =>
      new Promise((resolve, reject) => {
        client['greet']?.(Buffer.from('x'), (error: unknown, value: unknown) =>
          error === null ? resolve(value) : reject(error),
        );
      });
  },
};

/** What is told while a transaction calls. */
async function toldOf(call: Call): Promise<readonly string[]> {
  const database = server.open({}, { foreignWaits: 'warn' });
  events = [];
  await database.transaction(
    async () => {
      await insert(database, 1);
      await call();
    },
    { name: 'checkout' },
  );
  await server.sql('delete from product');
  expect(new Set(events.map(({ transaction }) => transaction))).toEqual(new Set(events.length > 0 ? ['checkout'] : []));
  return events.map(({ what }) => what);
}

describe('a call is told, and told once', () => {
  it.each(Object.entries({ ...clients, ...clients2 }))('%s: with a new connection', async (_name, make) => {
    let call: Call | undefined;
    const told = await toldOf(() => (call = make())());
    expect(told).toHaveLength(1);
    expect(await toldOf(() => call?.() ?? Promise.resolve())).toHaveLength(1);
  });

  it.each(Object.entries({ ...clients, ...clients2 }))('%s: with a connection from before', async (_name, make) => {
    const call = make();
    await call();
    await call();
    const told = await toldOf(call);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/^(?:GET|POST) http:\/\/127\.0\.0\.1(?::\d+)?$/);
  });
});

describe('what Node.js does not tell', () => {
  it('a command over a connection from before that is not HTTP', async () => {
    const redis = ended(new Redis(redisUrl), (made) => made.disconnect());
    await redis.ping();
    expect(await toldOf(() => redis.ping())).toEqual([]);
  });

  it('bytes over a socket from before', async () => {
    const socket = ended(connect(port, '127.0.0.1'), (made) => made.destroy());
    await once(socket, 'connect');
    expect(
      await toldOf(() => new Promise((resolve) => void socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n', resolve))),
    ).toEqual([]);
  });

  it('a lookup of DNS alone', async () => {
    expect(await toldOf(() => lookup('localhost'))).toEqual([]);
  });
});
