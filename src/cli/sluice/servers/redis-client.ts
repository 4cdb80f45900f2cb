import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectSecure } from 'node:tls';

/** What Redis answers: a nested list of texts and numbers. */
export type Reply = string | number | null | ReplyError | readonly Reply[];

/** Redis refused a command; others may go well. */
export class ReplyError extends Error {}

/** Where it is, without user and password. */
export function redisTarget(url: string): string {
  if (!URL.canParse(url)) return 'Redis';
  const { hostname, port } = new URL(url);
  return `Redis at ${hostname || '127.0.0.1'}:${port || 6379}`;
}

/** As much of a client as it takes to ask a Redis how it is: no package has to be installed for that. */
export class RedisClient {
  readonly #socket: Socket;
  readonly #waiting: { resolve: (reply: Reply) => void; reject: (error: unknown) => void }[] = [];
  #received = Buffer.alloc(0);
  #lost: Error | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (data) => this.#take(data));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('Redis has closed the connection')));
  }

  /** Connects and logs in. @param url `redis://user:password@host:port` or `rediss://` */
  static async open(url: string): Promise<RedisClient> {
    const { protocol, hostname, port, username, password } = new URL(url);
    const place = { host: hostname.replaceAll(/[[\]]/g, '') || '127.0.0.1', port: Number(port || 6379) };
    const isSecure = protocol === 'rediss:';
    const socket = isSecure ? connectSecure({ ...place, servername: place.host }) : connectPlain(place);
    const client = new RedisClient(socket);
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once(isSecure ? 'secureConnect' : 'connect', resolve);
        socket.once('error', reject);
      });
      const login = [decodeURIComponent(username), decodeURIComponent(password)].filter((each) => each !== '');
      if (login.length > 0) await client.ask('AUTH', ...login);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** Sends a command. @throws ReplyError */
  async ask(...command: readonly string[]): Promise<Reply> {
    const reply = await new Promise<Reply>((resolve, reject) => {
      if (this.#lost !== undefined) reject(this.#lost);
      this.#waiting.push({ resolve, reject });
      const parts = command.map((each) => `$${Buffer.byteLength(each)}\r\n${each}\r\n`);
      this.#socket.write(`*${command.length}\r\n${parts.join('')}`);
    });
    if (reply instanceof ReplyError) throw reply;
    return reply;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(data: Buffer): void {
    this.#received = Buffer.concat([this.#received, data]);
    for (;;) {
      const found = readReply(this.#received, 0);
      if (found === undefined) return;
      this.#received = this.#received.subarray(found.end);
      this.#waiting.shift()?.resolve(found.reply);
    }
  }

  #end(error: Error): void {
    this.#lost ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#lost);
  }
}

/** Reads a reply of RESP 2; undefined as long as it has not arrived as a whole. */
function readReply(data: Buffer, start: number): { readonly reply: Reply; readonly end: number } | undefined {
  const lineEnd = data.indexOf('\r\n', start);
  if (lineEnd < 0) return undefined;
  const [type, rest] = [String.fromCodePoint(data[start] ?? 0), data.toString('utf8', start + 1, lineEnd)];
  const end = lineEnd + 2;
  switch (type) {
    case '-':
      return { reply: new ReplyError(rest), end };
    case ':':
      return { reply: Number(rest), end };
    case '$': {
      const length = Number(rest);
      if (length < 0) return { reply: null, end };
      if (data.length < end + length + 2) return undefined;
      return { reply: data.toString('utf8', end, end + length), end: end + length + 2 };
    }
    case '*': {
      const replies: Reply[] = [];
      let at = end;
      for (let left = Number(rest); left > 0; left -= 1) {
        const next = readReply(data, at);
        if (next === undefined) return undefined;
        replies.push(next.reply);
        at = next.end;
      }
      return { reply: replies, end: at };
    }
    default:
      return { reply: rest, end };
  }
}
