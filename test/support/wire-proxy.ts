import { connect, createServer, type Server, type Socket } from 'node:net';

/** Stands between a client and the server and counts what goes by. */
export interface WireProxy {
  readonly url: string;
  /** Round trips since the last call: messages from the client that the server answers with ReadyForQuery. */
  takeRoundTrips(): number;
  /** Packets from the client that held a Sync; equal to the round trips if every exchange is one write. */
  takeWrites(): number;
  /** Cuts the connections as soon as the server gets to see the given text. */
  cutAfter(text: string): void;
  /**
   * Cuts the client's connection when it sends the given text, which the server never gets to see. It hears that its client is
   * gone, unless `silently`.
   */
  cutBefore(text: string, options?: { readonly silently?: boolean }): void;
  /** From now on ends every new connection at once, until the returned function is called. */
  refuse(): () => void;
  /** Forwards what comes to the server no more until the returned function is called. */
  freeze(): () => void;
  /** From now on tells clients another backend than the one they are connected to, as poolers do. */
  hideBackends(): void;
  close(): Promise<void>;
}

const sync = 0x53;
const simpleQuery = 0x51;

export async function startWireProxy(target: string): Promise<WireProxy> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let roundTrips = 0;
  let writes = 0;
  let cutText: string | undefined;
  let uncut: { readonly text: string; readonly silently: boolean } | undefined;
  let refuses = false;
  let frozen: Promise<void> | undefined;
  let hides = false;

  const server: Server = createServer((client) => {
    if (refuses) {
      client.on('error', () => {}).destroy();
      return;
    }
    const upstream = connect(Number(port), hostname);
    let isSilent = false;
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => {});
    }
    const count = countMessages((type) => {
      if (type !== sync && type !== simpleQuery) return false;
      roundTrips += 1;
      return true;
    });
    client.on('data', (chunk: Buffer) => {
      if (uncut !== undefined && chunk.includes(uncut.text)) {
        isSilent = uncut.silently;
        uncut = undefined;
        client.destroy();
        return;
      }
      if (count(chunk)) writes += 1;
      const cut = cutText !== undefined && chunk.includes(cutText);
      void (frozen ?? Promise.resolve()).then(() => upstream.write(chunk));
      if (!cut) return;
      cutText = undefined;
      // The server gets the text, the client never an answer.
      upstream.pause();
      setImmediate(() => client.destroy());
      setTimeout(() => upstream.destroy(), 200);
    });
    upstream.on('data', (chunk: Buffer) => {
      if (hides) changeBackend(chunk);
      client.write(chunk);
    });
    client.on('close', () => {
      if (!isSilent) upstream.end();
    });
    upstream.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const address = server.address();
  const url = new URL(target);
  url.host = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  return {
    url: url.href,
    takeRoundTrips() {
      const taken = roundTrips;
      roundTrips = 0;
      return taken;
    },
    takeWrites() {
      const taken = writes;
      writes = 0;
      return taken;
    },
    cutAfter(text) {
      cutText = text;
    },
    cutBefore(text, { silently = false } = {}) {
      uncut = { text, silently };
    },
    refuse() {
      refuses = true;
      return () => (refuses = false);
    },
    freeze() {
      const { promise, resolve } = Promise.withResolvers<void>();
      frozen = promise;
      return () => {
        frozen = undefined;
        resolve();
      };
    },
    hideBackends() {
      hides = true;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Changes the process id in the BackendKeyData of a chunk, if it holds one. */
function changeBackend(chunk: Buffer): void {
  const at = chunk.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
  if (at >= 0) chunk.writeInt32BE(chunk.readInt32BE(at + 5) + 1_000_000, at + 5);
}

/** Splits a client's stream into messages; says whether `onMessage` was interested in one of the chunk. */
function countMessages(onMessage: (type: number) => boolean): (chunk: Buffer) => boolean {
  let rest = Buffer.alloc(0);
  let started = false;
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    let interested = false;
    for (;;) {
      // The first message has no type; the length counts itself but not the type.
      const typeLength = started ? 1 : 0;
      if (rest.length < typeLength + 4) return interested;
      const end = typeLength + rest.readInt32BE(typeLength);
      if (rest.length < end) return interested;
      if (started && onMessage(rest.readUInt8(0))) interested = true;
      started = true;
      rest = rest.subarray(end);
    }
  };
}
