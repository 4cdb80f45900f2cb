import { connect, createServer, type Server, type Socket } from 'node:net';
import { listenFor } from './listen-for.ts';

/** A proxy for a protocol in which each side waits for the other: it counts the turns, and may change or cut what passes. */
export interface TcpProxy {
  readonly url: string;
  /** How often the client has spoken after the server had, since the last call. */
  takeTrips(): number;
  /** How many packets of the client have come, since the last call. */
  takeWrites(): number;
  /** Changes what the server says, into as many bytes: a character each. */
  replace(from: string, to: string): void;
  /** Changes a text of the client, the next time that it comes, into as many bytes. */
  replaceSent(from: string, to: string): void;
  /** Passes the next text of the client on, and cuts the connection before the answer to it. */
  cutAfter(text: string): void;
  /** Cuts the connection in place of passing the next text of the client on. `silently`: the server is not told that. */
  cutBefore(text: string, options?: { readonly silently?: boolean }): void;
  /** Cuts nothing for a text that has not come by now. */
  forget(): void;
  /** Accepts connections no more, or again. */
  refuse(refused: boolean): void;
  /** Keeps back what the server says, until it is told to go on, or cuts. */
  hold(): void;
  goOn(): void;
  /** Cuts all connections; new ones are let through. */
  cut(): void;
  close(): Promise<void>;
}

/**
 * The COMMIT of MySQL and MariaDB, with the byte that makes it a query: the text alone is in what any connection sends that sets
 * READ COMMITTED too, such as those that clean and look things up.
 */
export const mysqlCommit = '\u0003COMMIT';

export async function startTcpProxy(url: string): Promise<TcpProxy> {
  const target = new URL(url);
  const replacements: [Buffer, Buffer][] = [];
  const sockets = new Set<Socket>();
  const upstreams = new Set<Socket>();
  let trips = 0;
  let writes = 0;
  let cut: string | undefined;
  let sent: readonly [Buffer, Buffer] | undefined;
  let isHeld = false;
  let uncut: { readonly text: string; readonly silently: boolean } | undefined;
  let isRefused = false;

  const server: Server = createServer((client) => {
    if (isRefused) {
      client.on('error', () => {}).destroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    let isSilent = false;
    let serverSpoke = true;
    let silenced = false;
    for (const socket of [client, upstream]) {
      // What waits for an answer before it is sent would wait for the timer of the other side's acknowledgement.
      socket.setNoDelay(true);
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        if (!isSilent) upstream.destroy();
      });
    }
    client.on('data', (data) => {
      writes += 1;
      if (serverSpoke) trips += 1;
      serverSpoke = false;
      if (uncut !== undefined && data.includes(uncut.text)) {
        isSilent = uncut.silently;
        uncut = undefined;
        client.destroy();
        return;
      }
      if (cut !== undefined && data.includes(cut)) {
        cut = undefined;
        silenced = true;
      }
      const at = sent === undefined ? -1 : data.indexOf(sent[0]);
      if (sent !== undefined && at >= 0) {
        sent[1].copy(data, at);
        sent = undefined;
      }
      upstream.write(data);
    });
    if (isHeld) upstream.pause();
    upstreams.add(upstream);
    upstream.on('close', () => upstreams.delete(upstream));
    upstream.on('data', (data) => {
      serverSpoke = true;
      if (silenced) {
        client.destroy();
        return;
      }
      for (const [from, to] of replacements) {
        const at = data.indexOf(from);
        if (at >= 0) to.copy(data, at);
      }
      client.write(data);
    });
  });
  const proxied = await listenFor(url, server);
  return {
    url: proxied.href,
    takeTrips() {
      const counted = trips;
      trips = 0;
      return counted;
    },
    takeWrites() {
      const counted = writes;
      writes = 0;
      return counted;
    },
    replace(from, to) {
      replacements.push([Buffer.from(from, 'latin1'), Buffer.from(to, 'latin1')]);
    },
    replaceSent(from, to) {
      sent = [Buffer.from(from), Buffer.from(to)];
    },
    cutAfter(text) {
      cut = text;
    },
    cutBefore(text, { silently = false } = {}) {
      uncut = { text, silently };
    },
    forget() {
      cut = undefined;
      uncut = undefined;
    },
    refuse(refused) {
      isRefused = refused;
    },
    hold() {
      isHeld = true;
      for (const upstream of upstreams) upstream.pause();
    },
    goOn() {
      isHeld = false;
      for (const upstream of upstreams) upstream.resume();
    },
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
