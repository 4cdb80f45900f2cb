import { connect, createServer, type Socket } from 'node:net';
import { listenFor } from './listen-for.ts';

/** A proxy of a server that can go silent, as one does whose machine hangs: it takes all, and answers nothing, goodbyes neither. */
export interface MuteProxy extends AsyncDisposable {
  readonly url: string;
  /** From now on, also on connections that are made later. */
  mute(): void;
}

export async function startMuteProxy(url: string): Promise<MuteProxy> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let isMute = false;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: Number(target.port), host: target.hostname, allowHalfOpen: true });
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('data', (data) => void (isMute || to.write(data)));
      from.on('end', () => void (isMute || to.end()));
      from.on('close', () => sockets.delete(from));
    }
  });
  const proxied = await listenFor(url, server);
  return {
    url: proxied.href,
    mute: () => void (isMute = true),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
