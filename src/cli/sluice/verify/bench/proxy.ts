import { connect, createServer, type Socket } from 'node:net';

/** Stands between a client and its server, counts round trips, and can lose an answer. It looks into nothing, so TLS may pass. */
export interface Proxy {
  readonly port: number;
  /** How often the client has spoken after the server had, since the last call. */
  takeTrips(): number;
  /** Passes on what the client says next, and cuts the connection in place of the answer. */
  loseNextAnswer(): void;
  close(): Promise<void>;
}

export async function startProxy(target: { readonly host: string; readonly port: number }): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let trips = 0;
  let isArmed = false;
  const server = createServer((client) => {
    const upstream = connect(target);
    let hasServerSpoken = true;
    let isLosing = false;
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    client.on('data', (data) => {
      if (hasServerSpoken) trips += 1;
      hasServerSpoken = false;
      isLosing ||= isArmed;
      isArmed = false;
      upstream.write(data);
    });
    upstream.on('data', (data) => {
      hasServerSpoken = true;
      if (isLosing) client.destroy();
      else client.write(data);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    takeTrips() {
      const counted = trips;
      trips = 0;
      return counted;
    },
    loseNextAnswer() {
      isArmed = true;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
