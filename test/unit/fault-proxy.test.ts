import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { until } from '../support/settled.ts';

/** Sends back what it gets. */
let echo: Server;
let proxy: FaultProxy;

beforeEach(async () => {
  echo = createServer((socket) => socket.on('error', () => {}).pipe(socket));
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  const address = echo.address();
  proxy = await startFaultProxy(`tcp://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
});
afterEach(async () => {
  await proxy.close();
  await new Promise((resolve) => echo.close(resolve));
});

interface Peer {
  readonly socket: Socket;
  readonly received: () => string;
  readonly packets: string[];
  readonly isClosed: () => boolean;
}

function open(): Peer {
  const packets: string[] = [];
  let closed = false;
  const socket = connect(proxy.port, '127.0.0.1');
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.on('data', (chunk) => packets.push(chunk.toString()));
  socket.on('close', () => (closed = true));
  return { socket, packets, received: () => packets.join(''), isClosed: () => closed };
}

describe('the proxy that damages what it passes on', () => {
  it.for(['up', 'down'] as const)('cuts after so many bytes %s, once', async (direction) => {
    proxy.set(direction, { type: 'cut', after: 3 });
    const peer = open();
    peer.socket.write('abcdef');
    await until('it was cut', () => peer.isClosed());
    expect(direction === 'down' ? peer.received() : 'abc').toBe('abc');
    const next = open();
    next.socket.write('abcdef');
    await until('it passes', () => next.received() === 'abcdef');
  });

  it('swallows, and leaves the connection open', async () => {
    proxy.set('up', { type: 'swallow', after: 3 });
    const peer = open();
    peer.socket.write('abcdef');
    await until('the first bytes came back', () => peer.received() === 'abc');
    peer.socket.write('ghi');
    await until('the rest has reached the proxy', () => proxy.seen('up') === 9);
    expect(peer.received()).toBe('abc');
    expect(peer.isClosed()).toBe(false);
  });

  it('delays, and keeps the order when it does so no more', async () => {
    proxy.set('up', { type: 'delay', milliseconds: 100 });
    const peer = open();
    peer.socket.write('abc');
    await until('it has reached the proxy', () => proxy.seen('up') === 3);
    proxy.set('up', undefined);
    peer.socket.write('def');
    await until('it came', () => peer.received() === 'abcdef');
  });

  it('begins after a text, replaces, and fragments', async () => {
    proxy.setAfter('now', 'down', { type: 'replace', after: 4, by: Buffer.from('??') });
    const peer = open();
    peer.socket.write('later');
    await until('it passes', () => peer.received() === 'later');
    peer.socket.write('now!abc');
    await until('it was replaced', () => peer.received() === 'laternow!??');
    proxy.set('down', { type: 'fragment', size: 1 });
    const next = open();
    next.socket.write('abc');
    await until('it came in pieces', () => next.received() === 'abc');
  });
});
