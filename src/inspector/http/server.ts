import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Requests } from './serve.ts';

const largestHead = 8_192;
const mostConnections = 100;

/** Makes the server. It does not keep the process alive. */
export function makeServer(requests: () => Requests): Server {
  const server = createServer(
    {
      maxHeaderSize: largestHead,
      headersTimeout: 5_000,
      requestTimeout: 10_000,
      keepAliveTimeout: 5_000,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => requests().answer(request, response),
  );
  server.maxConnections = mostConnections;
  server.on('connection', (socket) => socket.unref());
  server.on('upgrade', (_request, socket) => socket.destroy());
  server.unref();
  return server;
}

/** @throws what the system says, such as that the port is taken */
export async function listenOn(server: Server, host: string, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', () => {});
  return (server.address() as AddressInfo).port;
}

/** Ends it with all its connections. */
export async function closeServer(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
